import { type ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { InvalidOperationError } from '../protocol/fields.ts';
import { JOB_STATES, StateCode } from '../protocol/job-state.ts';
import { FIRST_POLICY_LAYOUT, layoutOfPolicy, POLICY_LAYOUT_OF_CODE, readPolicy, writePolicy } from '../protocol/policy.ts';
import { OutcomeKind } from '../protocol/reply.ts';
import { readTick, writeTick } from '../protocol/scheduler.ts';
import { IN_ENTRY, RECORD_PAGE_JOBS, REPLACED } from './checkpoint-layout.ts';
import { Job, JobFlag, NO_TERMS } from './job.ts';
import type { JobPolicy, NamedQueue } from './named-queue.ts';
import type { ProgressTable } from './progress-table.ts';

/**
 * A page of neighbouring jobs without their payloads and outcomes, in the order of their ids. Most jobs of a page are alike: a field that
 * equals that of the job before, or is zero, is left out.
 * ```
 * job  [u8 position in the page][u8 state][u16 parts], then the parts that are there, in this order:
 * 1    [f64 queue]                        another queue than the job before
 * 2    the fields of a layout in policy.ts: another policy; behind [u8 code] of the layout, unless it is the first (1024)
 * 2048 [text customId]                    of version 6; the policy is there, too
 * 4096 [text scheduler][f64 tick][f64 scheduledMs]         of version 7; the policy is there, too
 * 4    [f64 addedMs]                      added at another time
 * 8    [u32 priority]
 * 16   [u32 attempt][f64 token]
 * 32   [f64 dueMs]
 * 64   [f64 finishedMs][f64 finishOrder]
 * 128  [u8 outcomeKind][u32 outcomeLength]
 * 256  [u32 length][u8 packPosition], and for IN_ENTRY [f64 entry][u32 offset]; the length is 0 only of a payload that was replaced
 * 8192 [u32 progressLength]             of version 8
 * 512  [u8 begun][u32 stalls][u32 stalledMax][f64 leaseMs][f64 holder]     of version 2, active or stalled
 * ```
 */
const Part = Object.freeze({
  queue: 1,
  policy: 2,
  added: 4,
  priority: 8,
  claim: 16,
  due: 32,
  finish: 64,
  outcome: 128,
  payload: 256,
  lease: 512,
  layout: 1024,
  customId: 2048,
  tick: 4096,
  progress: 8192,
});

export function writeJobs(to: ByteWriter, jobs: readonly Job[], progress: ProgressTable): void {
  let before: Job | undefined;
  for (const job of jobs) {
    writeJob(to, job, progress, before);
    before = job;
  }
}

/** One job without the fields that depend on the checkpoint: the same on all replicas. */
export function writeLogicalJob(to: ByteWriter, job: Job, progress: ProgressTable): void {
  writeJob(to, job, progress, undefined, 0);
}

function writeJob(to: ByteWriter, job: Job, progress: ProgressTable, before: Job | undefined, packPosition = job.packPosition): void {
  const parts = partsOf(job, before);
  // Position, state and parts: one, one and two bytes.
  to.u32((job.id % RECORD_PAGE_JOBS) | (job.state << 8) | (parts << 16));
  if ((parts & Part.queue) !== 0) to.f64(job.queue.number);
  if ((parts & Part.policy) !== 0) {
    const layout = layoutOfPolicy(job.policy);
    if ((parts & Part.layout) !== 0) to.u8(layout.code);
    writePolicy(to, job.policy, layout);
  }
  if ((parts & Part.customId) !== 0) to.text(job.policy.customId ?? '');
  if (job.policy.tick !== undefined) writeTick(to, job.policy.tick);
  if ((parts & Part.added) !== 0) to.f64(job.addedMs);
  if ((parts & Part.priority) !== 0) to.u32(job.priority);
  if ((parts & Part.claim) !== 0) {
    to.u32(job.attempt);
    to.f64(job.token);
  }
  if ((parts & Part.due) !== 0) to.f64(job.dueMs);
  if ((parts & Part.finish) !== 0) {
    to.f64(job.end.finished.ms);
    to.f64(job.end.finishOrder);
  }
  if ((parts & Part.outcome) !== 0) {
    to.u8(job.end.outcomeKind);
    to.u32(job.end.outcomeLength);
  }
  if ((parts & Part.payload) !== 0) {
    to.u32(job.length);
    to.u8(packPosition);
    if (packPosition === IN_ENTRY) {
      to.f64(job.entry);
      to.u32(job.offset);
    }
  }
  if ((parts & Part.progress) !== 0) to.u32(progress.get(job)?.length ?? 0);
  if ((parts & Part.lease) !== 0) {
    to.u8(job.isBegun ? 1 : 0);
    to.u32(job.stalls);
    to.u32(job.terms.stalledMax);
    to.f64(job.terms.leaseMs);
    to.f64(job.terms.holder);
  }
}

function partsOf(job: Job, before: Job | undefined): number {
  const isOfQueue = job.queue === before?.queue;
  let parts = 0;
  if (!isOfQueue) parts |= Part.queue;
  // Policies are shared within a queue: equal policies are mostly the same object.
  if (!isOfQueue || job.policy !== before?.policy)
    parts |= layoutOfPolicy(job.policy) === FIRST_POLICY_LAYOUT ? Part.policy : Part.policy | Part.layout;
  if (job.addedMs !== before?.addedMs) parts |= Part.added;
  if (job.priority !== 0) parts |= Part.priority;
  if (job.token !== 0 || job.attempt !== 0) parts |= Part.claim;
  if (job.dueMs !== 0) parts |= Part.due;
  const { finished, finishOrder, outcomeKind, outcomeLength } = job.end;
  if (finishOrder !== 0 || finished.ms !== 0) parts |= Part.finish;
  if (outcomeKind !== OutcomeKind.none || outcomeLength !== 0) parts |= Part.outcome;
  if (job.length !== 0 || job.packPosition === REPLACED) parts |= Part.payload;
  if (job.terms !== NO_TERMS || job.stalls !== 0) parts |= Part.lease;
  if (job.policy.customId !== undefined) parts |= Part.customId;
  if (job.policy.tick !== undefined) parts |= Part.tick;
  if (job.hasProgress) parts |= Part.progress;
  return parts;
}

/** @param queues by number. @param progress gets that of the jobs. @throws {MalformedBytesError} */
export function* readJobs(
  page: number,
  from: ByteReader,
  queues: ReadonlyMap<number, NamedQueue<Job>>,
  progress: ProgressTable,
): Generator<Job> {
  let before: Job | undefined;
  while (from.remaining > 0) {
    before = readJob(page * RECORD_PAGE_JOBS + from.u8(), from, before, queues, progress);
    yield before;
  }
}

function readJob(
  id: number,
  from: ByteReader,
  before: Job | undefined,
  queues: ReadonlyMap<number, NamedQueue<Job>>,
  progress: ProgressTable,
): Job {
  const state = from.u8();
  const isKnown = state >= StateCode['waiting-children'] && state <= StateCode.failed;
  if (!isKnown) throw new MalformedBytesError(`job ${id} has the invalid state ${JOB_STATES[state] ?? state}`);
  const parts = from.u16();
  const queue = (parts & Part.queue) === 0 ? before?.queue : queues.get(from.f64());
  if (queue === undefined) throw new MalformedBytesError(`job ${id} is in a queue that does not exist`);
  const shared = (parts & Part.policy) === 0 ? before?.policy : readSharedPolicy(queue, from, (parts & Part.layout) !== 0);
  const hasOwnPolicy = (parts & (Part.customId | Part.tick)) !== 0;
  const policy = shared === undefined || !hasOwnPolicy ? shared : ownPolicy(shared, parts, from);
  const added = (parts & Part.added) === 0 ? before?.added : { ms: from.f64() };
  if (policy === undefined || added === undefined) throw new MalformedBytesError(`job ${id} refers to a job before it that is missing`);
  const job = new Job(id, policy, (parts & Part.priority) === 0 ? 0 : from.u32(), added);
  job.state = state;
  job.flags = JobFlag.rowStored;
  if ((parts & Part.claim) !== 0) {
    job.attempt = from.u32();
    job.token = from.f64();
  }
  if ((parts & Part.due) !== 0) job.dueMs = from.f64();
  if ((parts & Part.finish) !== 0) {
    const end = job.ownEnd();
    end.finished = { ms: from.f64() };
    end.finishOrder = from.f64();
  }
  if ((parts & Part.outcome) !== 0) {
    const end = job.ownEnd();
    end.outcomeKind = from.u8();
    end.outcomeLength = from.u32();
    if (end.outcomeLength > 0) job.flags |= JobFlag.outcomeStored;
  }
  if ((parts & Part.payload) !== 0) {
    job.length = from.u32();
    job.packPosition = from.u8();
    if (job.packPosition === IN_ENTRY) {
      job.entry = from.f64();
      job.offset = from.u32();
    }
    if (job.length > 0) job.flags |= JobFlag.payloadStored;
  }
  if ((parts & Part.progress) !== 0) readProgress(job, from, progress);
  // A job that was claimed in version 1 is begun.
  job.isBegun = state === StateCode.active;
  if ((parts & Part.lease) !== 0) {
    job.isBegun = from.u8() === 1;
    job.stalls = from.u32();
    const stalledMax = from.u32();
    const leaseMs = from.f64();
    const holder = from.f64();
    if (leaseMs !== 0) job.terms = { leaseMs, stalledMax, holder };
  }
  return job;
}

function ownPolicy(shared: JobPolicy<Job>, parts: number, from: ByteReader): JobPolicy<Job> {
  const customId = (parts & Part.customId) === 0 ? undefined : from.text();
  return { ...shared, customId, tick: (parts & Part.tick) === 0 ? undefined : readTick(from) };
}

function readProgress(job: Job, from: ByteReader, progress: ProgressTable): void {
  progress.set(job, { bytes: undefined, length: from.u32() });
  job.flags |= JobFlag.progressStored;
}

function readSharedPolicy(queue: NamedQueue<Job>, from: ByteReader, hasLayout: boolean): JobPolicy<Job> {
  const layout = hasLayout ? POLICY_LAYOUT_OF_CODE[from.u8()] : FIRST_POLICY_LAYOUT;
  if (layout === undefined) throw new MalformedBytesError(`a job of queue ${queue.name} has a policy of unknown layout`);
  try {
    return queue.sharePolicy(readPolicy(from, layout));
  } catch (error) {
    // A record holds only what was accepted before.
    if (error instanceof InvalidOperationError) throw new MalformedBytesError(error.message);
    throw error;
  }
}
