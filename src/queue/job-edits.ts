import { timeBytes } from '../protocol/events.ts';
import { StateCode } from '../protocol/job-state.ts';
import { ErrorCode, OutcomeKind } from '../protocol/reply.ts';
import { isHeld, setOutcome } from './attempt.ts';
import type { ChangeTracker } from './change-tracker.ts';
import { REPLACED, staysInEntry } from './checkpoint-layout.ts';
import { type Job, NO_END } from './job.ts';
import { JobFlows } from './job-flows.ts';
import { noTotals } from './job-totals.ts';

/** Returned by an operation that took effect; otherwise it returns an ErrorCode and nothing has changed. */
export const APPLIED = -1;

/** What changes or removes a job that a client names, beside the life of its attempts. */
export class JobEdits extends JobFlows {
  nextJobId = 1;
  readonly totals = noTotals();
  /** Index of the entry that is applied; set by the machine. */
  entry = 0;
  readonly #payloadInEntryBytes: number;

  /** @param onQueueFilled called for each queue that had no waiting job and has one now. */
  constructor(changes: ChangeTracker, payloadInEntryBytes: number, onQueueFilled?: (queue: string) => void) {
    super(changes, onQueueFilled);
    this.#payloadInEntryBytes = payloadInEntryBytes;
  }

  /** @param queueName the queue that the job must be in; undefined for any. */
  retry(queueName: string | undefined, jobId: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    if (job.state !== StateCode.failed) return ErrorCode.jobState;
    this.leaveFinished(job, job.queue.keptFailed);
    job.attempt = 0;
    job.stalls = 0;
    setOutcome(job, OutcomeKind.none, undefined);
    job.end = NO_END;
    this.totals.redriven += 1;
    this.onChildRetried(job);
    if (this.flows.parent(job.id)?.mustWait === true) this.enterWaitingChildren(job, 0);
    else this.enterWaiting(job);
    this.changes.job(job);
    return APPLIED;
  }

  /** Removes a job, and all below it, unless one of them is active. @param queueName the queue that the job must be in; undefined for any. */
  remove(queueName: string | undefined, jobId: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    if (job.state === StateCode.active) return ErrorCode.jobState;
    if (this.hasActiveBelow(jobId)) return ErrorCode.childActive;
    const tree = this.treeOf(job);
    // Parents first: the end of a child then releases none of those that are removed.
    for (const one of tree) this.drop(one);
    return APPLIED;
  }

  /** Removes a job without its children. */
  removeAlone(queueName: string, jobId: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    if (job.state === StateCode.active) return ErrorCode.jobState;
    this.drop(job);
    return APPLIED;
  }

  /** Removes the children of a job, and theirs, that have not ended and are not active. */
  removeUnprocessed(queueName: string, jobId: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    for (const one of this.unprocessedBelow(job)) this.drop(one);
    return APPLIED;
  }

  /** @returns whether the job had a parent, which knows nothing of it now; or an ErrorCode. */
  removeDependency(queueName: string, jobId: number): boolean | number {
    const job = this.find(queueName, jobId);
    return job === undefined ? ErrorCode.jobNotFound : this.detach(job);
  }

  /** A delayed job becomes waiting now. */
  promote(queueName: string, jobId: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    if (job.state !== StateCode.delayed) return ErrorCode.jobState;
    this.endDelay(job);
    return APPLIED;
  }

  /** A job that waits or is delayed gets another priority, and within it the place of its id. */
  changePriority(queueName: string, jobId: number, priority: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    if (job.state !== StateCode.waiting && job.state !== StateCode.delayed) return ErrorCode.jobState;
    if (job.priority !== priority) this.replace(job, job.withPriority(priority));
    return APPLIED;
  }

  /** A delayed job becomes waiting this long after now. */
  changeDelay(queueName: string, jobId: number, delayMs: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    if (job.state !== StateCode.delayed) return ErrorCode.jobState;
    if (delayMs === 0) {
      this.endDelay(job);
      return APPLIED;
    }
    job.dueMs = this.wallMs + delayMs;
    this.note('delayed', job, timeBytes(job.dueMs));
    this.delayed.update(job);
    this.changes.job(job);
    return APPLIED;
  }

  /**
   * Sets how far a job in any state has come.
   * @param token of the lease that must go on; 0 for none.
   * @param bytes are kept.
   */
  updateProgress(queueName: string, jobId: number, token: number, bytes: Uint8Array): number {
    const job = this.findHeld(queueName, jobId, token);
    if (typeof job === 'number') return job;
    this.progress.set(job, { bytes, length: bytes.length });
    this.note('progress', job, bytes);
    if (job.state === StateCode.waiting) job.queue.index.onGrown(job);
    this.changes.progress(job);
    return APPLIED;
  }

  /** Removes a job that is in this state, unless that is active, and was added, or finished if it is, at least `graceMs` ago. */
  clean(queueName: string, jobId: number, state: number, graceMs: number): number {
    const job = this.find(queueName, jobId);
    if (job === undefined) return ErrorCode.jobNotFound;
    if (job.state !== state || state === StateCode.active) return ErrorCode.jobState;
    const { ms } = job.end.finishOrder > 0 ? job.end.finished : job.added;
    // Without a grace period no clock counts: that of a later leader may be behind.
    if (graceMs > 0 && ms > this.wallMs - graceMs) return ErrorCode.jobState;
    this.drop(job);
    return APPLIED;
  }

  /**
   * Replaces the payload of a job in any state.
   * @param token of the lease that must go on; 0 for none.
   * @param chunk the data of the entry that is applied, which contains the payload; it must never change.
   */
  updateData(queueName: string, jobId: number, token: number, chunk: Uint8Array, payloadAt: number, length: number): number {
    const job = this.findHeld(queueName, jobId, token);
    if (typeof job === 'number') return job;
    this.changes.payload(job, () => {
      this.setPayload(job, chunk, payloadAt, length);
      job.packPosition = REPLACED;
    });
    if (job.state === StateCode.waiting) job.queue.index.onGrown(job);
    return APPLIED;
  }

  protected setPayload(job: Job, chunk: Uint8Array, payloadAt: number, length: number): void {
    job.length = length;
    job.entryData = length > 0 ? chunk : undefined;
    job.offset = length > 0 ? payloadAt : 0;
    job.entry = length > 0 && staysInEntry(length, chunk.length, this.#payloadInEntryBytes) ? this.entry : 0;
  }

  /** @param token of the lease that must go on; 0 for none. @returns the job, or an ErrorCode. */
  findHeld(queueName: string, jobId: number, token: number): Job | number {
    const job = this.table.get(jobId);
    if (job === undefined) return token === 0 ? ErrorCode.jobNotFound : this.leaseFault(jobId);
    if (job.queue.name !== queueName) return ErrorCode.jobNotFound;
    return token === 0 || isHeld(job, token) ? job : ErrorCode.leaseLost;
  }

  leaseFault(jobId: number): number {
    return jobId < this.nextJobId ? ErrorCode.leaseLost : ErrorCode.jobNotFound;
  }
}
