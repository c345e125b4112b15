import { type ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import type { JobStore } from './job-store.ts';
import { NamedQueue } from './named-queue.ts';
import { Session } from './session.ts';

/**
 * The kinds of checkpoint records; a kind's number is its position.
 * - `machine`: one record, key 0: clock, counters, totals
 * - `session`: by client id
 * - `queue`: by queue number: its name
 * - `jobs`: by page of neighbouring ids: everything but bytes, so that a change of state does not rewrite payloads
 * - `content`: the contents of job n and perhaps of its next neighbours under 2n, and the result or failure reason of job n under 2n + 1;
 *   only if not empty. A content that shares its record stays there until the last of them is gone
 * - `entry`: by index: the data of a log entry in which large contents stand, until the last of those is gone
 */
export const RECORD_KINDS = ['machine', 'session', 'queue', 'jobs', 'content', 'entry'] as const;
export const RecordKind = Object.freeze({ machine: 0, session: 1, queue: 2, jobs: 3, content: 4, entry: 5 });

/** @param firstId the job under which a content is stored, see `packOf`. */
export const contentKey = (firstId: number): number => 2 * firstId;
export const outcomeKey = (jobId: number): number => 2 * jobId + 1;

/** Of all records together. */
const FORMAT = 3;

/** The part of the state that is neither a job nor a session. */
export interface MachineRecord {
  readonly clockMs: number;
  readonly appliedIndex: number;
  readonly touches: number;
}

export function writeMachine(to: ByteWriter, machine: MachineRecord, jobs: JobStore): void {
  to.u8(FORMAT);
  to.f64(machine.clockMs);
  to.f64(machine.appliedIndex);
  to.f64(machine.touches);
  to.f64(jobs.nextJobId);
  to.f64(jobs.nextToken);
  to.f64(jobs.nextQueueNumber);
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
}

/** Sets the counters of `jobs` and returns the rest. @throws {MalformedBytesError} */
export function readMachine(from: ByteReader, jobs: JobStore): MachineRecord {
  const format = from.u8();
  if (format !== FORMAT) {
    throw new MalformedBytesError(
      `a checkpoint of format ${format}, this version reads ${FORMAT}. Empty the cluster with the version that wrote it, or begin with an empty directory.`,
    );
  }
  const machine = { clockMs: from.f64(), appliedIndex: from.f64(), touches: from.f64() };
  jobs.nextJobId = from.f64();
  jobs.nextToken = from.f64();
  jobs.nextQueueNumber = from.f64();
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
  return machine;
}

export function writeSession(to: ByteWriter, session: Session): void {
  to.f64(session.acknowledgedBelow);
  to.f64(session.lastMs);
  to.f64(session.touchOrder);
  to.u32(session.forgotten.length);
  for (const sequence of session.forgotten) to.f64(sequence);
  to.u32(session.answers.size);
  for (const [sequence, answer] of session.answers) {
    to.f64(sequence);
    to.blob(answer);
  }
}

/** @throws {MalformedBytesError} */
export function readSession(client: number, from: ByteReader): Session {
  const session = new Session(client);
  session.isStored = true;
  session.acknowledgedBelow = from.f64();
  session.lastMs = from.f64();
  session.touchOrder = from.f64();
  const forgotten: number[] = [];
  const forgottenCount = from.u32();
  for (let read = 0; read < forgottenCount; read += 1) forgotten.push(from.f64());
  session.restoreForgotten(forgotten);
  const answerCount = from.u32();
  // Copied, so that one remembered answer does not hold the whole record in memory.
  for (let read = 0; read < answerCount; read += 1) session.remember(from.f64(), from.blob().slice());
  return session;
}

export function writeQueue(to: ByteWriter, queue: NamedQueue): void {
  to.text(queue.name);
}

/** @throws {MalformedBytesError} */
export function readQueue(number: number, from: ByteReader): NamedQueue {
  const queue = new NamedQueue(number, from.text());
  queue.isStored = true;
  return queue;
}
