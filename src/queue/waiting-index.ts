import { MinHeap } from '../base/min-heap.ts';
import type { JobPlace } from '../protocol/job-order.ts';
import { StateCode } from '../protocol/job-state.ts';
import { isBehind, waitingRank, waitingTie } from './job-places.ts';
import { SegmentedFifo } from './segmented-fifo.ts';

/** Below this number a clean-up costs more than it saves. */
const STALE_MIN = 64;

/** What the index has to know of a job. */
export interface WaitingJob {
  readonly id: number;
  readonly priority: number;
  /** Most bytes that it adds to the reply to a claim. */
  readonly replyBytes: number;
  /** A StateCode. */
  readonly state: number;
  readonly policy: { readonly isLifo: boolean };
}

const isNewerJob = (a: WaitingJob, b: WaitingJob): boolean => a.id > b.id;
const isOlderJob = (a: WaitingJob, b: WaitingJob): boolean => a.id < b.id;
const isServedFirst = (a: { readonly priority: number }, b: { readonly priority: number }): boolean => a.priority < b.priority;
const isWaiting = (job: WaitingJob): boolean => job.state === StateCode.waiting;

/**
 * All jobs that came back, which have no order, and those of `inOrder` until `countMax` of them wait.
 * @param inOrder behind a place. @returns how many jobs wait behind it, of those that were returned.
 */
function* near<Job extends WaitingJob>(
  returned: readonly Job[],
  inOrder: Iterable<Job>,
  isBehindPlace: (job: Job) => boolean,
  countMax: number,
): Generator<Job, number> {
  let back = 0;
  for (const job of returned) {
    if (isWaiting(job) && isBehindPlace(job)) back += 1;
    yield job;
  }
  let found = 0;
  for (const job of inOrder) {
    yield job;
    if (isWaiting(job)) found += 1;
    if (found === countMax) break;
  }
  return back + found;
}

/** The first waiting one of at most `lookedMax`. */
function* firstWaiting<Job extends WaitingJob>(jobs: Iterable<Job>, lookedMax: number): Generator<Job> {
  let looked = 0;
  for (const job of jobs) {
    if (isWaiting(job)) yield job;
    looked += 1;
    if (isWaiting(job) || looked === lookedMax) return;
  }
}

/** The first index that fulfils `isUpper`, as all above it do; `length` if none does. */
function firstIndex(length: number, isUpper: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isUpper(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Jobs with the option lifo, newest id first: new ones go on a stack. One that comes back is older than its top, and goes to a small heap. */
class NewestFirst<Job extends WaitingJob> {
  readonly #stack: Job[] = [];
  readonly #returned = new MinHeap<Job>(isNewerJob);

  get size(): number {
    return this.#stack.length + this.#returned.size;
  }

  push(job: Job): void {
    const newest = this.#stack.at(-1);
    if (newest === undefined || newest.id < job.id) this.#stack.push(job);
    else this.#returned.push(job);
  }

  take(): Job | undefined {
    const newest = this.#stack.at(-1);
    const returned = this.#returned.top();
    if (returned !== undefined && (newest === undefined || returned.id > newest.id)) return this.#returned.pop();
    return this.#stack.pop();
  }

  *values(): Generator<Job> {
    yield* this.#returned.values();
    for (let at = this.#stack.length - 1; at >= 0; at -= 1) yield this.#stack[at] as Job;
  }

  /** See {@link PriorityBucket.oldest}. */
  *oldest(lookedMax: number): Generator<Job> {
    yield* firstWaiting(this.#stack, lookedMax);
    yield* this.#returned.values().slice(0, lookedMax);
  }

  /** Those that came back, and the stack from a place on, in the order of claims or backwards. See {@link near}. */
  near(isBehindPlace: (job: Job) => boolean, isDescending: boolean, countMax: number): Generator<Job, number> {
    return near(this.#returned.values(), this.#stackBehind(isBehindPlace, isDescending), isBehindPlace, countMax);
  }

  /** Claims take the stack from its end: what is behind a place is its lower part, or backwards its upper part. */
  *#stackBehind(isBehindPlace: (job: Job) => boolean, isDescending: boolean): Generator<Job> {
    const stack = this.#stack;
    const isUpper = (at: number): boolean => isBehindPlace(stack[at] as Job) === isDescending;
    const first = firstIndex(stack.length, isUpper);
    if (isDescending) for (let at = first; at < stack.length; at += 1) yield stack[at] as Job;
    else for (let at = first - 1; at >= 0; at -= 1) yield stack[at] as Job;
  }

  retain(isKept: (job: Job) => boolean): void {
    const kept = this.#stack.filter(isKept);
    this.#stack.length = 0;
    for (const job of kept) this.#stack.push(job);
    this.#returned.retain(isKept);
  }
}

/**
 * The waiting jobs of one priority: first those with the option lifo, then the others, oldest id first. New ones come in ascending ids and
 * go to the end of a FIFO. A job that comes back (retried, promoted, released, its lease expired), or from another priority, may be older than
 * that end and then goes to a small heap.
 */
class PriorityBucket<Job extends WaitingJob> {
  readonly priority: number;
  readonly #line = new SegmentedFifo<Job>();
  readonly #returned = new MinHeap<Job>(isOlderJob);
  /** Created by the first job that has the option. */
  #lifo: NewestFirst<Job> | undefined;
  /** Jobs that are still inside although they were removed. */
  #stale = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  push(job: Job): void {
    if (job.policy.isLifo) {
      this.#lifo ??= new NewestFirst();
      this.#lifo.push(job);
      return;
    }
    const { last } = this.#line;
    if (last === undefined || last.id < job.id) this.#line.push(job);
    else this.#returned.push(job);
  }

  /** No job inside waits. */
  get isEmpty(): boolean {
    return this.#stale === this.#inside;
  }

  get #inside(): number {
    return this.#line.size + this.#returned.size + (this.#lifo?.size ?? 0);
  }

  pop(): Job | undefined {
    for (;;) {
      const job = this.#take();
      if (job === undefined || isWaiting(job)) return job;
      this.#stale -= 1;
    }
  }

  /** A job inside was removed. It is skipped later, and memory stays within a factor of the waiting jobs. */
  onRemoved(): void {
    this.#stale += 1;
    if (this.#stale < STALE_MIN || this.#stale * 2 < this.#inside) return;
    this.#line.retain(isWaiting);
    this.#returned.retain(isWaiting);
    this.#lifo?.retain(isWaiting);
    this.#stale = 0;
  }

  *jobs(): Generator<Job> {
    for (const job of this.#lifo?.values() ?? []) if (isWaiting(job)) yield job;
    for (const job of this.#returned.values()) if (isWaiting(job)) yield job;
    for (const job of this.#line.values()) if (isWaiting(job)) yield job;
  }

  /** Jobs that include the one that was added first, unless it is behind `lookedMax` others of its part; some of them were removed. */
  *oldest(lookedMax: number): Generator<Job> {
    yield* firstWaiting(this.#line.values(), lookedMax);
    yield* this.#returned.values().slice(0, lookedMax);
    if (this.#lifo !== undefined) yield* this.#lifo.oldest(lookedMax);
  }

  /** See {@link WaitingIndex.near}. @returns how many waiting ones are behind the place. */
  *near(place: JobPlace, isDescending: boolean, countMax: number): Generator<Job, number> {
    const isBehindPlace = (job: Job): boolean => isBehind(waitingRank(job), waitingTie(job), place, isDescending);
    const line = isDescending ? this.#line.valuesBehindBackwards(isBehindPlace) : this.#line.valuesBehind(isBehindPlace);
    const others = (): Generator<Job, number> => near(this.#returned.values(), line, isBehindPlace, countMax);
    const lifo = this.#lifo;
    if (lifo === undefined) return yield* others();
    const withLifo = (): Generator<Job, number> => lifo.near(isBehindPlace, isDescending, countMax);
    let found = 0;
    for (const part of isDescending ? [others, withLifo] : [withLifo, others]) if (found < countMax) found += yield* part();
    return found;
  }

  #take(): Job | undefined {
    const lifo = this.#lifo?.take();
    if (lifo !== undefined) return lifo;
    const { first } = this.#line;
    const returned = this.#returned.top();
    if (returned !== undefined && (first === undefined || returned.id < first.id)) return this.#returned.pop();
    return this.#line.shift();
  }
}

/** The waiting jobs of one queue: by priority, and within one priority in the order they were added (invariant 12), or with lifo before it. */
export class WaitingIndex<Job extends WaitingJob> {
  readonly #buckets = new Map<number, PriorityBucket<Job>>();
  readonly #order = new MinHeap<PriorityBucket<Job>>(isServedFirst);
  #latest: PriorityBucket<Job> | undefined;
  /** Upper bound of the waiting jobs' bytes in replies. Halved when no job waits: the next ones are likely to be as large, but need not be. */
  #replyBytesMax = 0;
  /** Buckets whose last job was removed since the last clean-up; some may have jobs again. */
  #emptied = 0;

  /** How many priorities its jobs have, or had. */
  get priorities(): number {
    return this.#buckets.size;
  }

  /** Adds a job that is in the state `waiting`. */
  push(job: Job): void {
    this.onGrown(job);
    this.#bucket(job.priority).push(job);
  }

  /** Call it after a waiting job got more bytes in replies. */
  onGrown(job: Job): void {
    if (job.replyBytes > this.#replyBytesMax) this.#replyBytesMax = job.replyBytes;
  }

  /** Takes the job that is served next; it is still in the state `waiting`. */
  pop(): Job | undefined {
    for (;;) {
      const bucket = this.#order.top();
      const job = bucket?.pop();
      if (bucket === undefined || job !== undefined) return job;
      // The last bucket stays: most queues use one priority, and will use it again.
      if (this.#order.size === 1) {
        this.#replyBytesMax = Math.floor(this.#replyBytesMax / 2);
        return undefined;
      }
      this.#order.pop();
      this.#buckets.delete(bucket.priority);
      if (this.#latest === bucket) this.#latest = undefined;
    }
  }

  /** Call it after a waiting job left the state other than by `pop`; the job must never come back. */
  onRemoved(job: Job): void {
    const bucket = this.#buckets.get(job.priority);
    if (bucket === undefined) return;
    bucket.onRemoved();
    if (bucket.isEmpty) this.#onEmptied();
  }

  /** Memory stays within a factor of the priorities that waiting jobs have. */
  #onEmptied(): void {
    this.#emptied += 1;
    if (this.#emptied < STALE_MIN || this.#emptied * 2 < this.#buckets.size) return;
    this.#emptied = 0;
    this.#latest = undefined;
    this.#order.retain((bucket) => !bucket.isEmpty);
    for (const [priority, bucket] of this.#buckets) if (bucket.isEmpty) this.#buckets.delete(priority);
  }

  /**
   * How many of the next jobs a claim for `countMax` jobs should request, so that their payloads have at most `bytesMax` together: at least
   * one, and no more than wait if payloads are large. A job that came back counts before those of its priority that did not.
   * @param skip number of jobs that are taken before.
   * @returns also the maximum total bytes of these payloads.
   */
  countWithin(skip: number, countMax: number, bytesMax: number): { readonly count: number; readonly bytes: number } {
    const bytesAtMost = countMax * this.#replyBytesMax;
    if (bytesAtMost <= bytesMax) return { count: countMax, bytes: bytesAtMost };
    let at = 0;
    let count = 0;
    let bytes = 0;
    for (const job of this.#inOrder()) {
      at += 1;
      if (at <= skip) continue;
      if (count === countMax || (bytes + job.replyBytes > bytesMax && count > 0)) break;
      bytes += job.replyBytes;
      count += 1;
    }
    return { count: Math.max(1, count), bytes };
  }

  /** The waiting job that was added first, of about `lookedMax` that are looked at. */
  oldest(lookedMax: number): Job | undefined {
    let oldest: Job | undefined;
    let looked = 0;
    for (const bucket of this.#buckets.values()) {
      for (const job of bucket.oldest(lookedMax)) {
        looked += 1;
        if (isWaiting(job) && (oldest === undefined || job.id < oldest.id)) oldest = job;
      }
      if (looked >= lookedMax) break;
    }
    return oldest;
  }

  /** Every waiting job, in no particular order. */
  *jobs(): Generator<Job> {
    for (const bucket of this.#buckets.values()) yield* bucket.jobs();
  }

  /**
   * Jobs that include the first `countMax` waiting ones behind a place of the order of claims, or backwards. They come in no order, and some
   * of them were removed.
   */
  *near(place: JobPlace, isDescending: boolean, countMax: number): Generator<Job> {
    const sign = isDescending ? -1 : 1;
    let found = 0;
    for (const bucket of [...this.#buckets.values()].sort((a, b) => sign * (a.priority - b.priority))) {
      if (found >= countMax) return;
      // Its ranks are twice the priority, and one more.
      const isBefore = isDescending ? 2 * bucket.priority > place.rank : 2 * bucket.priority + 1 < place.rank;
      if (!isBefore) found += yield* bucket.near(place, isDescending, countMax);
    }
  }

  *#inOrder(): Generator<Job> {
    if (this.#buckets.size === 1) {
      yield* this.jobs();
      return;
    }
    for (const bucket of [...this.#buckets.values()].sort((a, b) => a.priority - b.priority)) yield* bucket.jobs();
  }

  #bucket(priority: number): PriorityBucket<Job> {
    if (this.#latest?.priority === priority) return this.#latest;
    let bucket = this.#buckets.get(priority);
    if (bucket === undefined) {
      bucket = new PriorityBucket<Job>(priority);
      this.#buckets.set(priority, bucket);
      this.#order.push(bucket);
    }
    this.#latest = bucket;
    return bucket;
  }
}
