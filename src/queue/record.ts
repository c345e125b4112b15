import { type ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { Job, JobFlag, type JobPolicy } from './job.ts';
import { JOB_STATES, StateCode } from './job-state.ts';
import type { JobStore } from './job-store.ts';
import { NamedQueue } from './named-queue.ts';
import { Session } from './session.ts';

/**
 * The kinds of checkpoint records; a kind's number is its position.
 * - `machine`: one record, key 0: clock, counters, totals
 * - `session`: by client id
 * - `queue`: by queue number: its name
 * - `job`: by job id: everything but bytes, so that a change of state does not rewrite a payload
 * - `content`: the content of job n under 2n, and its result or failure reason under 2n + 1; only if not empty
 */
export const RECORD_KINDS = ['machine', 'session', 'queue', 'job', 'content'] as const;
export const RecordKind = Object.freeze({ machine: 0, session: 1, queue: 2, job: 3, content: 4 });

export const contentKey = (jobId: number): number => 2 * jobId;
export const outcomeKey = (jobId: number): number => 2 * jobId + 1;

const MACHINE_FORMAT = 1;

/** The part of the state that is neither a job nor a session. */
export interface MachineRecord {
  readonly clockMs: number;
  readonly appliedIndex: number;
  readonly touches: number;
}

export function writeMachine(to: ByteWriter, machine: MachineRecord, jobs: JobStore): void {
  to.u8(MACHINE_FORMAT);
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
  if (format !== MACHINE_FORMAT) throw new MalformedBytesError(`a checkpoint of format ${format}, this version reads ${MACHINE_FORMAT}`);
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

export function writeJob(to: ByteWriter, job: Job): void {
  const { policy } = job;
  to.f64(job.queue.number);
  to.u8(job.state);
  to.u32(job.priority);
  to.u32(job.attempt);
  to.f64(job.token);
  to.f64(job.addedMs);
  to.f64(job.dueMs);
  to.f64(job.finishedMs);
  to.f64(job.finishOrder);
  to.u32(job.length);
  to.u8(job.outcomeKind);
  to.u32(job.outcomeLength);
  to.u32(policy.attemptsMax);
  to.u8(policy.backoff);
  to.f64(policy.backoffMs);
  // As u32, where 2^32 - 1 stands for -1.
  to.u32(policy.keepCompleted);
  to.u32(policy.keepFailed);
}

/** @param queues by number. @throws {MalformedBytesError} */
export function readJob(id: number, from: ByteReader, queues: ReadonlyMap<number, NamedQueue>): Job {
  const queue = queues.get(from.f64());
  if (queue === undefined) throw new MalformedBytesError(`job ${id} is in a queue that does not exist`);
  const state = from.u8();
  const isKnown = state >= StateCode.delayed && state <= StateCode.failed;
  if (!isKnown) throw new MalformedBytesError(`job ${id} is ${JOB_STATES[state] ?? `in state ${state}`}, which no job can be`);
  const priority = from.u32();
  const attempt = from.u32();
  const token = from.f64();
  const addedMs = from.f64();
  const dueMs = from.f64();
  const finishedMs = from.f64();
  const finishOrder = from.f64();
  const length = from.u32();
  const outcomeKind = from.u8();
  const outcomeLength = from.u32();
  const job = new Job(id, queue, readPolicy(queue, from), priority, addedMs);
  job.state = state;
  job.attempt = attempt;
  job.token = token;
  job.dueMs = dueMs;
  job.finishedMs = finishedMs;
  job.finishOrder = finishOrder;
  job.length = length;
  job.outcomeKind = outcomeKind;
  job.outcomeLength = outcomeLength;
  job.flags = JobFlag.rowStored;
  if (length > 0) job.flags |= JobFlag.contentStored;
  if (outcomeLength > 0) job.flags |= JobFlag.outcomeStored;
  return job;
}

function readPolicy(queue: NamedQueue, from: ByteReader): JobPolicy {
  return queue.sharePolicy(from.u32(), from.u8(), from.f64(), from.u32() | 0, from.u32() | 0);
}
