import type { ChangeTracker } from './change-tracker.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { DeduplicatedJob, type KeptAdd, NO_END_OF_ID } from './deduplicated-job.ts';
import type { Job } from './job.ts';
import type { NamedQueue } from './named-queue.ts';
import { SideTable } from './side-table.ts';
import { STATE_BOUNDS, type StateBounds } from './state-bounds.ts';

type DeduplicationBounds = Pick<StateBounds, 'deduplicationIdsMax' | 'keptAddsBytesMax'>;

/** The deduplicated jobs, and which of them has taken each id. Other jobs are not in it. */
export class DeduplicationTable {
  readonly #jobs = new SideTable<DeduplicatedJob>();
  readonly #holders = new Map<NamedQueue<Job>, Map<string, DeduplicatedJob>>();
  readonly #ends = new DeadlineHeap<DeduplicatedJob>();
  readonly #changes: ChangeTracker;
  #taken = 0;
  #keptBytes = 0;
  bounds: DeduplicationBounds = STATE_BOUNDS;

  constructor(changes: ChangeTracker) {
    this.#changes = changes;
  }

  /** How many jobs are deduplicated, or have taken an id that outlives them. */
  get size(): number {
    return this.#jobs.size;
  }

  /** How many ids are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes of the payloads of adds that are kept. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Whether the bounds have space for one more id. */
  get hasSpace(): boolean {
    return this.#taken < this.bounds.deduplicationIdsMax;
  }

  /** The one whose id is free first, of those with an end. */
  top(): DeduplicatedJob | undefined {
    return this.#ends.top();
  }

  /** In heap order. */
  timed(): readonly DeduplicatedJob[] {
    return this.#ends.values();
  }

  get(jobId: number): DeduplicatedJob | undefined {
    return this.#jobs.size === 0 ? undefined : this.#jobs.get(jobId);
  }

  /** In ascending order of the jobs. */
  values(): DeduplicatedJob[] {
    return [...this.#jobs.values()].sort((one, other) => one.id - other.id);
  }

  /** The job that has taken the id at this log time. @param queue undefined for one that does not exist. */
  holderOf(queue: NamedQueue<Job> | undefined, deduplicationId: string, logMs: number): DeduplicatedJob | undefined {
    const holder = queue === undefined ? undefined : this.#holders.get(queue)?.get(deduplicationId);
    return holder === undefined || isOver(holder, logMs) ? undefined : holder;
  }

  /** Of a checkpoint. @param hasJob whether the job is there. */
  restore(job: DeduplicatedJob, hasJob: boolean): void {
    job.hasJob = hasJob;
    this.#jobs.add(job);
    if (job.isHolder) this.#enterHolders(job);
    this.#keptBytes += job.next?.chunk.length ?? 0;
  }

  /** A job that is added takes the id, which is free. @param endMs in log time, or {@link NO_END_OF_ID}. */
  take({ id, queue, policy }: Job, deduplicationId: string, endMs: number): void {
    const ended = this.#holders.get(queue)?.get(deduplicationId);
    if (ended !== undefined) this.free(ended);
    const job = new DeduplicatedJob(id, queue, deduplicationId, policy.customId ?? '');
    job.isHolder = true;
    job.dueMs = endMs;
    this.#jobs.add(job);
    this.#enterHolders(job);
    this.#changes.deduplicated(job);
  }

  /** The id is free at another time. @param endMs in log time, or {@link NO_END_OF_ID}. */
  setEnd(job: DeduplicatedJob, endMs: number): void {
    if (job.dueMs === endMs) return;
    if (job.heapAt >= 0) this.#ends.remove(job);
    job.dueMs = endMs;
    if (endMs !== NO_END_OF_ID) this.#ends.push(job);
    this.#changes.deduplicated(job);
  }

  /** Keeps an add in place of the one that is kept. @returns whether the bounds have space for it; nothing has changed if not. */
  keep(job: DeduplicatedJob, next: KeptAdd, isBounded: boolean): boolean {
    const bytes = this.#keptBytes - (job.next?.chunk.length ?? 0) + next.payloadLength;
    if (isBounded && bytes > this.bounds.keptAddsBytesMax) return false;
    // Copied: it stays longer than its entry.
    const chunk = next.chunk.slice(next.payloadAt, next.payloadAt + next.payloadLength);
    job.next = { ...next, chunk, payloadAt: 0 };
    this.#keptBytes = bytes;
    this.#changes.deduplicated(job);
    return true;
  }

  /** The id is free. */
  free(job: DeduplicatedJob): void {
    if (!job.isHolder) return;
    const { queue } = job;
    if (job.heapAt >= 0) this.#ends.remove(job);
    job.isHolder = false;
    job.dueMs = NO_END_OF_ID;
    this.#taken -= 1;
    queue.deduplications -= 1;
    const holders = this.#holders.get(queue);
    holders?.delete(job.deduplicationId);
    if (holders?.size === 0) this.#holders.delete(queue);
    if (job.hasJob) this.#changes.deduplicated(job);
    else this.#drop(job);
  }

  /** A job was completed, or has failed for good. It gives up an id that has no other end. @returns the add that is executed now. */
  onFinished(jobId: number): KeptAdd | undefined {
    const job = this.get(jobId);
    if (job === undefined) return undefined;
    const next = this.#takeNext(job);
    if (job.dueMs === NO_END_OF_ID) this.free(job);
    return next;
  }

  /** A job is removed by a client, or replaced: its id is free, and no add is kept. */
  onRemoved(jobId: number): void {
    const job = this.get(jobId);
    if (job === undefined) return;
    this.#takeNext(job);
    this.free(job);
  }

  /** A job is gone. An id that has an end stays taken until then. */
  onGone(jobId: number): void {
    const job = this.get(jobId);
    if (job === undefined) return;
    job.hasJob = false;
    if (!job.isHolder) this.#drop(job);
  }

  #takeNext(job: DeduplicatedJob): KeptAdd | undefined {
    const { next } = job;
    if (next === undefined) return undefined;
    job.next = undefined;
    this.#keptBytes -= next.chunk.length;
    this.#changes.deduplicated(job);
    return next;
  }

  #enterHolders(job: DeduplicatedJob): void {
    const { queue, deduplicationId, dueMs } = job;
    const holders = this.#holders.get(queue) ?? new Map<string, DeduplicatedJob>();
    this.#holders.set(queue, holders.set(deduplicationId, job));
    queue.deduplications += 1;
    this.#taken += 1;
    if (dueMs !== NO_END_OF_ID) this.#ends.push(job);
  }

  #drop(job: DeduplicatedJob): void {
    if (this.#jobs.get(job.id) === undefined) return;
    this.#jobs.delete(job.id);
    this.#changes.deduplicatedRemoved(job);
  }
}

const isOver = ({ dueMs }: DeduplicatedJob, logMs: number): boolean => dueMs !== NO_END_OF_ID && dueMs <= logMs;
