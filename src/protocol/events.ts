import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { JOB_STATES, type JobState, NO_STATE, StateCode } from './job-state.ts';

/** What the bytes of an event are: nothing, a result, a reason, a progress, a wall time as f64, or a deduplication id. */
type EventDetail = 'nothing' | 'result' | 'reason' | 'progress' | 'time' | 'deduplicationId';

interface EventRow {
  /** Never used for another event. */
  readonly code: number;
  /** The state in which the job is from then on; `gone` if it is removed; undefined if the event is no change of state. */
  readonly to?: number | 'gone';
  readonly detail: EventDetail;
}

/**
 * Everything that a queue reports, by BullMQ's names. A new event is a row here, a call of `EventTable.record` where it happens, and its
 * arguments for listeners in `src/client/api/event-arguments.ts`, which does not compile without them.
 */
export const EVENTS = {
  added: { code: 1, detail: 'nothing' },
  duplicated: { code: 2, detail: 'nothing' },
  waiting: { code: 3, to: StateCode.waiting, detail: 'nothing' },
  delayed: { code: 4, to: StateCode.delayed, detail: 'time' },
  active: { code: 5, to: StateCode.active, detail: 'nothing' },
  progress: { code: 6, detail: 'progress' },
  stalled: { code: 7, detail: 'nothing' },
  completed: { code: 8, to: StateCode.completed, detail: 'result' },
  failed: { code: 9, to: StateCode.failed, detail: 'reason' },
  'retries-exhausted': { code: 10, detail: 'nothing' },
  removed: { code: 11, to: 'gone', detail: 'nothing' },
  paused: { code: 12, detail: 'nothing' },
  resumed: { code: 13, detail: 'nothing' },
  drained: { code: 14, detail: 'nothing' },
  deduplicated: { code: 15, detail: 'deduplicationId' },
  'waiting-children': { code: 16, to: StateCode['waiting-children'], detail: 'nothing' },
} as const satisfies Readonly<Record<string, EventRow>>;

export type EventName = keyof typeof EVENTS;
export const EVENT_NAMES = Object.keys(EVENTS) as EventName[];

const NAME_OF_CODE: readonly (EventName | undefined)[] = EVENT_NAMES.reduce<(EventName | undefined)[]>((names, name) => {
  names[EVENTS[name].code] = name;
  return names;
}, []);

export const rowOfEvent = (name: EventName): EventRow => EVENTS[name];

/** One event of a queue. */
export interface QueueEvent {
  readonly name: EventName;
  /** The state before. */
  readonly prev: JobState | undefined;
  /** When it happened, in the leader's wall time. */
  readonly atMs: number;
  /** The number of the job; 0 for an event of the queue itself. */
  readonly jobId: number;
  /** The id that the job's client chose; empty if it chose none. */
  readonly customId: string;
  /** Attempts begun by then. */
  readonly attempt: number;
  /** Result, reason, progress or time. */
  readonly detail: Uint8Array;
  /** The detail was longer than {@link EVENT_DETAIL_BYTES_MAX}: a reason is cut, a result is left out. */
  readonly isCut: boolean;
}

/** A flag of an event. */
const CUT = 1;

/**
 * ```
 * [u32 length] and then as many bytes: [u8 code][u8 flags][u8 prev][f64 atMs][f64 jobId][u32 attempt][text customId][detail]
 * ```
 * The same in memory, on disk and in a reply.
 */
export function writeEvent(to: ByteWriter, event: Omit<QueueEvent, 'prev'> & { readonly prev: number }): void {
  const lengthAt = to.reserve(4);
  to.u8(EVENTS[event.name].code);
  to.u8(event.isCut ? CUT : 0);
  to.u8(event.prev);
  to.f64(event.atMs);
  to.f64(event.jobId);
  to.u32(event.attempt);
  to.text(event.customId);
  to.raw(event.detail);
  to.patchU32(lengthAt, to.length - lengthAt - 4);
}

/** The detail of an event that has a wall time. */
export function timeBytes(ms: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, ms, true);
  return bytes;
}

/** The detail of an event that has a text. */
export function textBytes(text: string): Uint8Array {
  const to = new ByteWriter();
  to.text(text);
  return to.copy().slice(4);
}

/** Reads {@link timeBytes}. */
export const timeOf = (detail: Uint8Array): number => new ByteReader(detail).f64();

/** Details are views into `bytes`. @throws {MalformedBytesError} */
export function readEvents(bytes: Uint8Array): QueueEvent[] {
  const all = new ByteReader(bytes);
  const events: QueueEvent[] = [];
  while (all.remaining > 0) events.push(readEvent(new ByteReader(all.blob())));
  return events;
}

function readEvent(from: ByteReader): QueueEvent {
  const code = from.u8();
  const name = NAME_OF_CODE[code];
  if (name === undefined) throw new MalformedBytesError(`event of unknown code ${code}`);
  const isCut = (from.u8() & CUT) !== 0;
  const prevCode = from.u8();
  const prev = prevCode === NO_STATE ? undefined : JOB_STATES[prevCode];
  const [atMs, jobId, attempt, customId] = [from.f64(), from.f64(), from.u32(), from.text()];
  return { name, prev, atMs, jobId, customId, attempt, detail: from.raw(from.remaining), isCut };
}
