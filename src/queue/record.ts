import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { UnsupportedVersionError } from '../protocol/entry-data.ts';
import type { JobStore } from './job-store.ts';
import { Session } from './session.ts';

/**
 * The kinds of checkpoint records; a kind's number is its position.
 * - `machine`: one record, key 0: clock, counters, totals
 * - `session`: by client id
 * - `queue`: by queue number: its name; and the job schedulers, by their number behind {@link SCHEDULER_KEY_FIRST}: behind all queues;
 *   and the recordings of events, and blocks of their events, by their numbers behind {@link EVENT_KEY_FIRST}
 * - `jobs`: by page of neighbouring ids: everything but bytes, so that a change of state does not rewrite payloads
 * - `content`: the payloads of job n and perhaps of its next neighbours under 2n, and the result or failure reason of job n under 2n + 1;
 *   only if not empty. A payload in a shared record stays there until the last of them is gone
 * - `entry`: by index: the data of a log entry that contains large payloads, until the last of them is gone
 * - `changed`: what job n got since its add: the payload that replaced that of its add under 2n, unless it is in its entry, and its progress
 *   under 2n + 1
 * - `deduplicated`: by job id: the deduplication id of a job, and whether it has taken it
 * - `children`: by page of neighbouring ids: what parents know of their children
 * - `values`: by id of the child: its result or the reason of its failure, while its parent is there
 * - `logs`: by job: which rows its log has, and the bytes of their segments
 * - `rows`: the rows of a segment, under {@link logRowsKey}
 */
export const RECORD_KINDS = [
  'machine',
  'session',
  'queue',
  'jobs',
  'content',
  'entry',
  'changed',
  'deduplicated',
  'children',
  'values',
  'logs',
  'rows',
] as const;
export const RecordKind = Object.freeze({
  machine: 0,
  session: 1,
  queue: 2,
  jobs: 3,
  content: 4,
  entry: 5,
  changed: 6,
  deduplicated: 7,
  children: 8,
  values: 9,
  logs: 10,
  rows: 11,
});

/** @param firstId the job that stores a payload, see `packOf`. */
export const payloadKey = (firstId: number): number => 2 * firstId;
export const outcomeKey = (jobId: number): number => 2 * jobId + 1;
/** Never that of a pack: the payloads of neighbours may still be under the job's key. */
export const replacedKey = (jobId: number): number => 2 * jobId;
export const progressKey = (jobId: number): number => 2 * jobId + 1;

/** More segments than a log has at a time: the number of a segment is taken again once the one that had it is long gone. */
const LOG_SEGMENTS = 128;
export const logRowsKey = (jobId: number, segment: number): number => LOG_SEGMENTS * jobId + (segment % LOG_SEGMENTS);

/** No queue has a number of this size. */
export const SCHEDULER_KEY_FIRST = 2 ** 52;
export const schedulerKey = (id: number): number => SCHEDULER_KEY_FIRST + id;
/** Likewise, and no job scheduler: the events of queues. */
export const EVENT_KEY_FIRST = 2 ** 52 + 2 ** 51;
export const eventKey = (number: number): number => EVENT_KEY_FIRST + number;

/**
 * The format of all records together. Format 3 is that of state-machine version 1, and is written while the state is of that version, so
 * that a node of the earlier release can read it; format 4 adds the fields of later versions.
 */
const FORMAT_1 = 3;
const FORMAT = 4;

/** The part of the state that is neither a job nor a session. */
export interface MachineRecord {
  /** Of the latest entry applied. */
  readonly version: number;
  readonly logMs: number;
  readonly wallMs: number;
  readonly appliedIndex: number;
  readonly touches: number;
  readonly nextSessionId: number;
}

export function writeMachine(to: ByteWriter, machine: MachineRecord, jobs: JobStore): void {
  const is1 = machine.version === 1;
  to.u8(is1 ? FORMAT_1 : FORMAT);
  to.f64(machine.logMs);
  to.f64(machine.appliedIndex);
  to.f64(machine.touches);
  to.f64(jobs.nextJobId);
  to.f64(jobs.nextToken);
  to.f64(jobs.queues.nextNumber);
  to.f64(jobs.nextFinishOrder);
  const { totals } = jobs;
  to.f64(totals.added);
  to.f64(totals.claimed);
  to.f64(totals.completed);
  to.f64(totals.failed);
  to.f64(totals.retried);
  to.f64(totals.released);
  to.f64(totals.leasesExpired);
  to.f64(totals.redriven);
  if (is1) return;
  to.u16(machine.version);
  to.f64(machine.wallMs);
  to.f64(jobs.leaseEpochMs);
  to.f64(machine.nextSessionId);
  to.f64(totals.stalled);
}

/** Sets the counters of `jobs` and returns the rest. @throws {MalformedBytesError | UnsupportedVersionError} */
export function readMachine(from: ByteReader, jobs: JobStore): MachineRecord {
  const format = from.u8();
  if (format !== FORMAT_1 && format !== FORMAT)
    throw new UnsupportedVersionError(`The checkpoint is of format ${format}${writerOf(format)}`, `reads ${FORMAT_1} and ${FORMAT}`);
  const logMs = from.f64();
  const appliedIndex = from.f64();
  const touches = from.f64();
  jobs.nextJobId = from.f64();
  jobs.nextToken = from.f64();
  jobs.queues.nextNumber = from.f64();
  jobs.nextFinishOrder = from.f64();
  const { totals } = jobs;
  totals.added = from.f64();
  totals.claimed = from.f64();
  totals.completed = from.f64();
  totals.failed = from.f64();
  totals.retried = from.f64();
  totals.released = from.f64();
  totals.leasesExpired = from.f64();
  totals.redriven = from.f64();
  if (format === FORMAT_1) return { version: 1, logMs, wallMs: logMs, appliedIndex, touches, nextSessionId: 1 };
  const version = from.u16();
  const wallMs = from.f64();
  jobs.leaseEpochMs = from.f64();
  const nextSessionId = from.f64();
  totals.stalled = from.f64();
  return { version, logMs, wallMs, appliedIndex, touches, nextSessionId };
}

/** The development commits that wrote the formats before the first migrated one. */
function writerOf(format: number): string {
  if (format === 1) return ', written by a development commit before 2e24994';
  return format === 2 ? ', written by a development commit between 2e24994 and 9d3346d' : '';
}

export function writeSession(to: ByteWriter, session: Session): void {
  to.f64(session.acknowledgedBelow);
  to.f64(session.lastMs);
  to.f64(session.touchOrder);
  to.u32(session.evicted.length);
  for (const sequence of session.evicted) to.f64(sequence);
  to.u32(session.replies.size);
  for (const [sequence, reply] of session.replies) {
    to.f64(sequence);
    to.blob(reply);
  }
}

/** @throws {MalformedBytesError} */
export function readSession(client: number, from: ByteReader): Session {
  const session = new Session(client);
  session.isStored = true;
  session.acknowledgedBelow = from.f64();
  session.lastMs = from.f64();
  session.touchOrder = from.f64();
  const evicted: number[] = [];
  const evictedCount = from.u32();
  for (let read = 0; read < evictedCount; read += 1) evicted.push(from.f64());
  session.restoreEvicted(evicted);
  const replyCount = from.u32();
  // Copied, so that one remembered reply does not keep the whole record in memory.
  for (let read = 0; read < replyCount; read += 1) session.remember(from.f64(), from.blob().slice());
  return session;
}
