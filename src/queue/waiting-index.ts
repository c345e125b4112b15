import { StateCode } from '../protocol/job-state.ts';
import type { Job } from './job.ts';
import { MinHeap } from './min-heap.ts';
import { SegmentedFifo } from './segmented-fifo.ts';

/** Below this number tidying up costs more than it saves. */
const STALE_MIN = 64;

const isOlderJob = (a: Job, b: Job): boolean => a.id < b.id;
const isServedFirst = (a: PriorityBucket, b: PriorityBucket): boolean => a.priority < b.priority;
const isWaiting = (job: Job): boolean => job.state === StateCode.waiting;

/**
 * The waiting jobs of one priority, oldest id first. New jobs come in ascending ids and go to the end of a line; a job that comes back
 * (retried, promoted, released, its lease expired) is older than that end and goes to a small heap.
 */
class PriorityBucket {
  readonly priority: number;
  readonly #line = new SegmentedFifo();
  readonly #returned = new MinHeap<Job>(isOlderJob);
  /** Jobs that are still inside although they were removed. */
  #stale = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  push(job: Job): void {
    const { last } = this.#line;
    if (last === undefined || last.id < job.id) this.#line.push(job);
    else this.#returned.push(job);
  }

  pop(): Job | undefined {
    for (;;) {
      const job = this.#take();
      if (job === undefined || isWaiting(job)) return job;
      this.#stale -= 1;
    }
  }

  /** A job inside was removed; it is passed over later, and memory stays within a factor of the jobs that wait. */
  onRemoved(): void {
    this.#stale += 1;
    const inside = this.#line.size + this.#returned.size;
    if (this.#stale < STALE_MIN || this.#stale * 2 < inside) return;
    this.#line.retain(isWaiting);
    this.#returned.retain(isWaiting);
    this.#stale = 0;
  }

  *jobs(): Generator<Job> {
    for (const job of this.#returned.values()) if (isWaiting(job)) yield job;
    for (const job of this.#line.jobs()) if (isWaiting(job)) yield job;
  }

  #take(): Job | undefined {
    const { first } = this.#line;
    const returned = this.#returned.top();
    if (returned !== undefined && (first === undefined || returned.id < first.id)) return this.#returned.pop();
    return this.#line.shift();
  }
}

/** The waiting jobs of one queue: by priority, and within one priority in the order they were added (invariant 12). */
export class WaitingIndex {
  readonly #lanes = new Map<number, PriorityBucket>();
  readonly #order = new MinHeap<PriorityBucket>(isServedFirst);
  #latest: PriorityBucket | undefined;
  /** No waiting job has a larger payload. Halved when no job waits: the next ones are likely to be as large, and need not be. */
  #payloadBytesMax = 0;

  /** Adds a job that is in the state `waiting`. */
  push(job: Job): void {
    if (job.length > this.#payloadBytesMax) this.#payloadBytesMax = job.length;
    this.#bucket(job.priority).push(job);
  }

  /** Takes the job that is served next; it is still in the state `waiting`. */
  pop(): Job | undefined {
    for (;;) {
      const lane = this.#order.top();
      const job = lane?.pop();
      if (lane === undefined || job !== undefined) return job;
      // The last lane stays: most queues use one priority, and will use it again.
      if (this.#order.size === 1) {
        this.#payloadBytesMax = Math.floor(this.#payloadBytesMax / 2);
        return undefined;
      }
      this.#order.pop();
      this.#lanes.delete(lane.priority);
      if (this.#latest === lane) this.#latest = undefined;
    }
  }

  /** To be called after a waiting job left the state otherwise than by `pop`; it must never come back. */
  onRemoved(job: Job): void {
    this.#lanes.get(job.priority)?.onRemoved();
  }

  /**
   * How many of the next jobs a claim should ask for that wants `countMax`, so that their payloads have at most `bytesMax` together: at least
   * one, and where payloads are large no more than wait. A job that came back counts before those of its priority that did not.
   * @param skip so many jobs are taken before.
   * @returns also how many bytes these payloads have at most.
   */
  countWithin(skip: number, countMax: number, bytesMax: number): { readonly count: number; readonly bytes: number } {
    const bytesAtMost = countMax * this.#payloadBytesMax;
    if (bytesAtMost <= bytesMax) return { count: countMax, bytes: bytesAtMost };
    let at = 0;
    let count = 0;
    let bytes = 0;
    for (const job of this.#inOrder()) {
      at += 1;
      if (at <= skip) continue;
      if (count === countMax || (bytes + job.length > bytesMax && count > 0)) break;
      bytes += job.length;
      count += 1;
    }
    return { count: Math.max(1, count), bytes };
  }

  /** Every waiting job, in no particular order. */
  *jobs(): Generator<Job> {
    for (const lane of this.#lanes.values()) yield* lane.jobs();
  }

  *#inOrder(): Generator<Job> {
    if (this.#lanes.size === 1) {
      yield* this.jobs();
      return;
    }
    for (const lane of [...this.#lanes.values()].sort((a, b) => a.priority - b.priority)) yield* lane.jobs();
  }

  #bucket(priority: number): PriorityBucket {
    if (this.#latest?.priority === priority) return this.#latest;
    let lane = this.#lanes.get(priority);
    if (lane === undefined) {
      lane = new PriorityBucket(priority);
      this.#lanes.set(priority, lane);
      this.#order.push(lane);
    }
    this.#latest = lane;
    return lane;
  }
}
