import { ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { type CheckedField, checked, type Field, f64, flag, InvalidOperationError, payload, text, u32, u32Between } from './fields.ts';
import {
  DURATION_MS_MAX,
  PATTERN_BYTES_MAX,
  PRIORITY_MAX,
  SCHEDULER_ID_BYTES_MAX,
  SCHEDULER_PAYLOAD_BYTES_MAX,
  TIME_ZONE_BYTES_MAX,
} from './limits.ts';
import { layoutOfPolicy, POLICY_LAYOUT_OF_CODE, type Policy, readPolicy, writePolicy } from './policy.ts';

/** When a job scheduler adds a job: at regular times, or by a cron pattern. */
export interface SchedulerTimes {
  /** The time between two ticks in ms; 0 with a pattern. */
  readonly everyMs: number;
  /** The ticks are at multiples of `everyMs` plus this, in ms; {@link NO_OFFSET} counts from the first tick. */
  readonly offsetMs: number;
  /** A cron pattern; empty with `everyMs`. */
  readonly pattern: string;
  /** The name of the pattern's time zone; empty for UTC. */
  readonly tz: string;
  /** No tick is before this wall time in ms since 1970; 0 for at once. */
  readonly startMs: number;
  /** No tick is after this wall time; 0 for without an end. */
  readonly endMs: number;
  /** Most ticks; 0 for any number. */
  readonly ticksMax: number;
}

/** A job scheduler as its queue's state has it. */
export interface SchedulerDetail extends SchedulerTimes {
  readonly scheduler: string;
  /** The wall time of the next tick in ms; {@link NO_TICK} until the leader has computed it from the pattern. */
  readonly nextMs: number;
  /** Ticks so far. */
  readonly ticks: number;
  readonly priority: number;
  readonly policy: Policy;
  /** The payload of each of its jobs. */
  readonly payload: Uint8Array;
}

/** The tick that added a job. */
export interface SchedulerTick {
  /** The id of the job scheduler. */
  readonly scheduler: string;
  /** The number of the tick since the scheduler was last set, from 1 on. */
  readonly tick: number;
  /** The wall time for which the tick was scheduled, in ms; the job is added then or later. */
  readonly scheduledMs: number;
}

export function writeTick(to: ByteWriter, { scheduler, tick, scheduledMs }: SchedulerTick): void {
  to.text(scheduler);
  to.f64(tick);
  to.f64(scheduledMs);
}

/** @throws {MalformedBytesError} */
export const readTick = (from: ByteReader): SchedulerTick => ({ scheduler: from.text(), tick: from.f64(), scheduledMs: from.f64() });

export const NO_OFFSET = -1;
/** In place of the time of a tick: there is none. */
export const NO_TICK = 0;

/** The last time of a `Date`. */
const WALL_MS_MAX = 8.64e15;

const wallMs = (what: string): CheckedField<number> =>
  checked(f64, '0 (none), or ms since 1970', (ms) =>
    ms >= 0 && ms <= WALL_MS_MAX ? undefined : `The ${what} of a job scheduler is ${ms}. Use milliseconds since 1970, or 0 for none.`,
  );

/** Whole milliseconds: sums of them stay exact. */
const wholeMs = (what: string, min: number): CheckedField<number> =>
  checked(f64, `${min} to ${DURATION_MS_MAX} ms`, (ms) =>
    ms >= min && ms <= DURATION_MS_MAX && Number.isInteger(ms)
      ? undefined
      : `The ${what} of a job scheduler is ${ms} ms. Use ${Math.max(0, min)} to ${DURATION_MS_MAX} whole milliseconds.`,
  );

/** @param bytesMin the least number of bytes. */
const boundedText = (what: string, bytesMin: number, bytesMax: number): Field<string> => ({
  ...text,
  range: `${bytesMin} to ${bytesMax} bytes of UTF-8`,
  read: (from) => {
    const before = from.position;
    const value = from.text();
    const bytes = from.position - before - 4;
    if (bytes >= bytesMin && bytes <= bytesMax) return value;
    throw new InvalidOperationError(`The ${what} of a job scheduler has ${bytes} bytes. Use ${bytesMin} to ${bytesMax} bytes of UTF-8.`);
  },
});

/** The id that the client chose for a job scheduler. */
export const schedulerId = boundedText('id', 1, SCHEDULER_ID_BYTES_MAX);
const pattern = boundedText('pattern', 0, PATTERN_BYTES_MAX);
const timeZone = boundedText('time zone', 0, TIME_ZONE_BYTES_MAX);

/** What is in front of the payload of a job scheduler's jobs. */
export interface SchedulerHead {
  readonly scheduler: string;
  readonly pattern: string;
  readonly tz: string;
  /** Offset of the payload in the bytes that are read. */
  readonly payloadAt: number;
}

/** @param bytes of a `schedulerPayload`. @throws {InvalidOperationError | MalformedBytesError} */
export function readSchedulerHead(bytes: Uint8Array): SchedulerHead {
  const from = new ByteReader(bytes);
  const head = { scheduler: schedulerId.read(from), pattern: pattern.read(from), tz: timeZone.read(from) };
  if (from.remaining > SCHEDULER_PAYLOAD_BYTES_MAX)
    throw new InvalidOperationError(
      `The template of job scheduler "${head.scheduler}" has a payload of ${from.remaining} bytes. Use at most ${SCHEDULER_PAYLOAD_BYTES_MAX}: store the data elsewhere, and put its address into the template.`,
    );
  return { ...head, payloadAt: from.position };
}

export function writeSchedulerHead(to: ByteWriter, head: Omit<SchedulerHead, 'payloadAt'>): void {
  to.text(head.scheduler);
  to.text(head.pattern);
  to.text(head.tz);
}

/** The texts of a job scheduler, and the payload of its jobs behind them. */
const schedulerPayload: Field<Uint8Array> = {
  ...payload,
  range: `[text scheduler][text pattern][text tz], and then at most ${SCHEDULER_PAYLOAD_BYTES_MAX} bytes`,
  read: (from) => {
    const bytes = from.blob();
    readSchedulerHead(bytes);
    return bytes;
  },
};

/** The fields of a job scheduler in a request. */
export const SCHEDULER_FIELDS = {
  everyMs: wholeMs('interval', 0),
  offsetMs: wholeMs('offset', NO_OFFSET),
  startMs: wallMs('start date'),
  endMs: wallMs('end date'),
  ticksMax: u32,
  /** Its first tick is now, before those of its times. */
  isImmediate: flag,
  priority: u32Between(0, PRIORITY_MAX, (priority) => `A job has the priority ${priority}`),
  payload: schedulerPayload,
};

/** Of a command that names the time of a tick. */
export const tickMs = wallMs('next tick');
/** The number that the state gave to a job scheduler when it was set. */
export const schedulerNumber = checked(f64, 'a number of the state', (number) =>
  Number.isSafeInteger(number) && number >= 1 ? undefined : `The number of a job scheduler is ${number}.`,
);

/** What is wrong with the fields together; undefined if nothing is. */
export const faultInTimes = ({ everyMs, offsetMs, pattern: cron, tz }: SchedulerTimes): string | undefined => {
  if (everyMs > 0 === (cron !== '')) return 'A job scheduler has both or none of every and pattern. Use one of them.';
  if (everyMs > 0 && tz !== '') return 'A job scheduler has every and a time zone. A time zone needs a pattern.';
  if (everyMs === 0 && offsetMs !== NO_OFFSET) return 'A job scheduler has a pattern and an offset. An offset needs every.';
  return undefined;
};

/** A policy with the code of its layout in front. */
export const policyInResult: Field<Policy> = {
  layout: 'blob',
  bytes: 4,
  isVariable: true,
  kind: 'bytes',
  range: '[u8 code] of a layout of a policy, and its fields',
  write: (to, policy) => {
    const layout = layoutOfPolicy(policy);
    const lengthAt = to.reserve(4);
    to.u8(layout.code);
    writePolicy(to, policy, layout);
    to.patchU32(lengthAt, to.length - lengthAt - 4);
  },
  read: (from) => {
    const reader = new ByteReader(from.blob());
    const layout = POLICY_LAYOUT_OF_CODE[reader.u8()];
    if (layout === undefined) throw new MalformedBytesError('a policy of an unknown layout');
    return readPolicy(reader, layout);
  },
};
