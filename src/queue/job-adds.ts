import { invariant } from '../base/invariant.ts';
import type { Deduplication } from '../protocol/deduplication.ts';
import { textBytes } from '../protocol/events.ts';
import { StateCode } from '../protocol/job-state.ts';
import type { OperationReader } from '../protocol/request-reader.ts';
import { type DeduplicatedJob, type KeptAdd, type NewJob, NO_END_OF_ID } from './deduplicated-job.ts';
import { Job } from './job.ts';
import { JobEdits } from './job-edits.ts';
import type { NamedQueue } from './named-queue.ts';

/** What an add needs to know of its job. */
export type AddedJob = Pick<OperationReader, 'customId' | 'policy' | 'priority' | 'delayMs' | 'blobAt' | 'blobLength'>;

/** How jobs come to be, and which adds are duplicates. */
export class JobAdds extends JobEdits {
  /**
   * @param chunk the data of the entry that is applied, which contains the operation's payload; it must never change.
   * @param waitsForChildren whether it waits for children, which are added next.
   * @returns the job; with a custom id the one that the queue has, if it has one with it.
   */
  add(queue: NamedQueue<Job>, operation: AddedJob, chunk: Uint8Array, waitsForChildren = false): Job {
    invariant(operation.policy !== undefined, () => 'a job is added without a policy');
    const { customId } = operation;
    const known = customId === '' ? undefined : queue.jobOf(customId);
    if (known !== undefined) {
      this.noteDuplicate(known);
      return known;
    }
    const { policy, priority } = operation;
    const job = this.#newJob(queue, { policy, customId, priority });
    this.setPayload(job, chunk, operation.blobAt, operation.blobLength);
    this.insert(job, operation.delayMs, waitsForChildren);
    return job;
  }

  /** An add named the id of a job that the queue has. */
  noteDuplicate(known: Job): void {
    this.note('duplicated', known);
  }

  /**
   * Adds a job, unless another one has taken its deduplication id.
   * @returns the job, or with a custom id the one that the queue has; the one that has taken the id; or undefined if there are too many ids or
   * too large adds that are kept.
   */
  addDeduplicated(queue: NamedQueue<Job>, add: KeptAdd): Job | DeduplicatedJob | undefined {
    return this.#addDeduplicated(queue, add, true);
  }

  /** Frees a deduplication id. @param jobId of the job that has taken it; 0 for any. @returns whether it was taken. */
  freeDeduplicationId(queue: NamedQueue<Job> | undefined, deduplicationId: string, jobId: number): boolean {
    const holder = this.deduplications.holderOf(queue, deduplicationId, this.logMs);
    if (holder === undefined || (jobId !== 0 && holder.id !== jobId)) return false;
    this.free(holder);
    return true;
  }

  /** An add that was kept is executed: bounds do not hold for it, as it must not be lost. */
  protected addKept(queue: NamedQueue<Job>, add: KeptAdd): void {
    this.#addDeduplicated(queue, add, false);
  }

  /** A job is there from now on: delayed, or waiting. */
  protected insert(job: Job, delayMs: number, waitsForChildren = false): void {
    this.nextJobId += 1;
    this.totals.added += 1;
    this.table.append(job);
    if (job.queue.events !== undefined) this.note('added', job);
    if (waitsForChildren) this.enterWaitingChildren(job, delayMs);
    else if (delayMs > 0) this.enterDelayed(job, this.wallMs + delayMs);
    else this.enterWaiting(job);
    this.changes.job(job);
  }

  /** @param isBounded whether the bounds hold; not for an add that was kept, and must not be lost. */
  #addDeduplicated(queue: NamedQueue<Job>, add: KeptAdd, isBounded: boolean): Job | DeduplicatedJob | undefined {
    const there = add.customId === '' ? undefined : queue.jobOf(add.customId);
    if (there !== undefined) {
      this.noteDuplicate(there);
      return there;
    }
    const { deduplications, logMs } = this;
    const { id, isReplacing } = add.deduplication;
    const holder = deduplications.holderOf(queue, id, logMs);
    const replaced = holder === undefined || !isReplacing ? undefined : this.table.get(holder.id);
    if (holder !== undefined && replaced?.state !== StateCode.delayed) return this.#onDuplicate(holder, add, isBounded);
    if (holder === undefined && isBounded && !deduplications.hasSpace) return undefined;
    const endMs = endOfId(add.deduplication, holder?.dueMs, logMs);
    if (replaced !== undefined) this.drop(replaced);
    const job = this.#newJob(queue, add);
    // An add that was kept is no longer in the entry that brought it.
    if (isBounded) {
      this.setPayload(job, add.chunk, add.payloadAt, add.payloadLength);
    } else {
      job.length = add.payloadLength;
      if (job.length > 0) job.entryData = add.chunk;
    }
    this.insert(job, add.delayMs);
    deduplications.take(job, id, endMs);
    return job;
  }

  /** Another job has taken the id. */
  #onDuplicate(holder: DeduplicatedJob, add: KeptAdd, isBounded: boolean): DeduplicatedJob | undefined {
    const { keepsLast, isReplacing, isExtending, ttlMs } = add.deduplication;
    const job = this.table.get(holder.id);
    const state = job?.state;
    // A kept add that is a duplicate in its turn is one as well.
    if (job?.queue.events !== undefined) this.note('deduplicated', job, textBytes(holder.deduplicationId));
    if (keepsLast && state === StateCode.active) {
      if (!this.deduplications.keep(holder, add, isBounded)) return undefined;
      this.deduplications.setEnd(holder, NO_END_OF_ID);
    } else if (isExtending && !isReplacing && ttlMs > 0) {
      const isLive = state === StateCode.waiting || state === StateCode.delayed || state === StateCode.active;
      if (!keepsLast) this.deduplications.setEnd(holder, this.logMs + ttlMs);
      else if (isLive) this.deduplications.setEnd(holder, NO_END_OF_ID);
    }
    return holder;
  }

  #newJob(queue: NamedQueue<Job>, { policy, customId, priority }: Pick<NewJob, 'policy' | 'customId' | 'priority'>): Job {
    const shared = queue.sharePolicy(policy);
    const job = new Job(this.nextJobId, customId === '' ? shared : { ...shared, customId }, priority, this.wall);
    if (customId !== '') queue.keepId(customId, job);
    return job;
  }

  protected free(holder: DeduplicatedJob): void {
    this.deduplications.free(holder);
    this.queues.dropIfUnused(holder.queue, this.version);
  }
}

/** When the id that a new job takes is free again. @param replacedMs that of the job in whose place it is; undefined without one. */
function endOfId({ ttlMs, isExtending, keepsLast }: Deduplication, replacedMs: number | undefined, logMs: number): number {
  if (keepsLast || ttlMs === 0) return NO_END_OF_ID;
  return replacedMs === undefined || isExtending ? logMs + ttlMs : replacedMs;
}
