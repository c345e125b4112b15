import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { keyOfTick } from '../history/functions.ts';
import type { SchedulerTick } from '../protocol/scheduler.ts';
import { checkProperty } from './violation.ts';

/** Payloads and results identify their job and show damage: a text, the number of bytes after it, and these bytes. */
function encode(text: string, padding: number): Uint8Array {
  const to = new ByteWriter(64 + padding);
  to.text(text);
  to.u32(padding);
  to.raw(new Uint8Array(padding).fill(padding % PATTERN));
  return to.copy();
}

const PATTERN = 251;

/** @throws {Violation} when the bytes are not those that were encoded. */
function decode(bytes: Uint8Array, what: string): string {
  const reader = new ByteReader(bytes);
  const text = reader.text();
  const padding = reader.u32();
  const isWhole = reader.remaining === padding && bytes.subarray(reader.position).every((byte) => byte === padding % PATTERN);
  checkProperty(
    isWhole,
    'payloads come back as they were sent',
    () => `${what} "${text}" of ${padding} bytes comes back with ${reader.remaining}`,
  );
  return text;
}

/** Between a key and the value of replaced data; no key contains it. */
const VALUE_MARK = '=';

/** The payload of a job. @param padding bytes after the key. @param value of the data, if they replace those of the add. */
export const payloadOf = (key: string, padding: number, value = 0): Uint8Array =>
  encode(value === 0 ? key : `${key}${VALUE_MARK}${value}`, padding);

/** The key in a job's payload. @throws {Violation} */
export const keyOf = (payload: Uint8Array): string => decode(payload, 'the payload').split(VALUE_MARK)[0] ?? '';

/** What its data say, 0 as they were added. @throws {Violation} */
export const dataValueOf = (payload: Uint8Array): number => Number(decode(payload, 'the payload').split(VALUE_MARK)[1] ?? 0);

/** The key in the payload of a job with this key: all ticks of a job scheduler have the payload of its template. */
export const keyInPayload = (key: string): string => key.split('#')[0] ?? key;

/** The same, for a job that a job scheduler may have added. */
export const keyOfJob = (payload: Uint8Array, tick: SchedulerTick | undefined): string =>
  tick === undefined ? keyOf(payload) : String(keyOfTick(keyOf(payload), tick.tick));

/** The result of a job that is completed under this token. */
export const resultOf = (job: number, token: number, padding: number): Uint8Array => encode(`${job}:${token}`, padding);

/** The progress of a job. @param value from 1 on. @param bytesMax of it; it is padded up to that. */
export function progressOf(job: number, value: number, bytesMax: number): Uint8Array {
  const text = `${job}:${value}`;
  return encode(text, Math.max(0, bytesMax - encode(text, 0).length));
}

/** The job that a progress is of, and what it says. @throws {Violation} */
export function valueOfProgress(bytes: Uint8Array): { readonly job: number; readonly value: number } {
  const [job = 0, value = 0] = decode(bytes, 'the progress').split(':').map(Number);
  return { job, value };
}

/** @throws {Violation} when a parent keeps the result of another job. */
export function checkChildResult(child: number, result: Uint8Array | undefined): void {
  const shown = result === undefined ? 'none' : decode(result, 'the result');
  checkProperty(shown.startsWith(`${child}:`), "a child's result is with its parent", () => `child ${child} has the result ${shown}`);
}

/** A row of the log of a job, likewise. */
export const logRowOf = (job: number, value: number, padding: number): string => `${job}:${value}:${'-'.repeat(padding)}`;

/** What a row says. @throws {Violation} if it is of another job. */
export function valueOfLogRow(job: number, row: string): string {
  const [shown, value = '', padding = 'x'] = row.split(':');
  const isWhole = Number(shown) === job && /^-*$/.test(padding);
  checkProperty(isWhole, 'payloads come back as they were sent', () => `the log of job ${job} has the row "${row.slice(0, 40)}"`);
  return value;
}

/** @param token of the job's latest claim. @throws {Violation} when a completed job shows another result. */
export function checkResult(job: number, token: number, result: Uint8Array | undefined): void {
  const shown = result === undefined ? 'none' : decode(result, 'the result');
  checkProperty(
    shown === `${job}:${token}`,
    'payloads come back as they were sent',
    () => `job ${job} (token ${token}) shows the result ${shown}`,
  );
}
