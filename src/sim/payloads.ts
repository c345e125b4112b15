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

/** The payload of a job. @param padding bytes after the key. */
export const payloadOf = (key: string, padding: number): Uint8Array => encode(key, padding);

/** The key in a job's payload. @throws {Violation} */
export const keyOf = (payload: Uint8Array): string => decode(payload, 'the payload');

/** The same, for a job that a job scheduler may have added. */
export const keyOfJob = (payload: Uint8Array, tick: SchedulerTick | undefined): string =>
  tick === undefined ? keyOf(payload) : String(keyOfTick(keyOf(payload), tick.tick));

/** The result of a job that is completed under this token. */
export const resultOf = (job: number, token: number, padding: number): Uint8Array => encode(`${job}:${token}`, padding);

/** @param token of the job's latest claim. @throws {Violation} when a completed job shows another result. */
export function checkResult(job: number, token: number, result: Uint8Array | undefined): void {
  const shown = result === undefined ? 'none' : decode(result, 'the result');
  checkProperty(
    shown === `${job}:${token}`,
    'payloads come back as they were sent',
    () => `job ${job} (token ${token}) shows the result ${shown}`,
  );
}
