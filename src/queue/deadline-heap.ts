import { invariant } from '../base/invariant.ts';
/** What has a deadline. */
export interface Timed {
  readonly id: number;
  dueMs: number;
  /** Position in the heap, or -1. */
  heapAt: number;
}

const isDueBefore = (a: Timed, b: Timed): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.id < b.id);

/**
 * Jobs, or job schedulers, by (dueMs, id), the earliest on top. A job is in at most one such heap and stores its position there, so that it
 * can leave from the middle. Change `dueMs` only while the job is outside, or call `update` afterwards.
 */
export class DeadlineHeap<Item extends Timed> {
  readonly #jobs: Item[] = [];

  get size(): number {
    return this.#jobs.length;
  }

  top(): Item | undefined {
    return this.#jobs[0];
  }

  push(job: Item): void {
    invariant(job.heapAt === -1, () => `job ${job.id} has two deadlines`);
    this.#jobs.push(job);
    this.#rise(job, this.#jobs.length - 1);
  }

  remove(job: Item): void {
    const at = job.heapAt;
    invariant(this.#jobs[at] === job, () => `job ${job.id} is not in the heap of its deadline`);
    job.heapAt = -1;
    const last = this.#jobs.pop() as Item;
    if (last !== job) this.#settle(last, at);
  }

  /** Restores the heap order after the job's `dueMs` has changed. */
  update(job: Item): void {
    invariant(this.#jobs[job.heapAt] === job, () => `job ${job.id} is not in the heap of its deadline`);
    this.#settle(job, job.heapAt);
  }

  /** The jobs in heap order. */
  values(): readonly Item[] {
    return this.#jobs;
  }

  #settle(job: Item, at: number): void {
    if (at > 0 && isDueBefore(job, this.#jobs[(at - 1) >> 1] as Item)) this.#rise(job, at);
    else this.#sink(job, at);
  }

  #rise(job: Item, from: number): void {
    const jobs = this.#jobs;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = jobs[parentAt] as Item;
      if (!isDueBefore(job, parent)) break;
      jobs[at] = parent;
      parent.heapAt = at;
      at = parentAt;
    }
    jobs[at] = job;
    job.heapAt = at;
  }

  #sink(job: Item, from: number): void {
    const jobs = this.#jobs;
    const size = jobs.length;
    let at = from;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isDueBefore(jobs[child + 1] as Item, jobs[child] as Item)) child += 1;
      const next = jobs[child] as Item;
      if (!isDueBefore(next, job)) break;
      jobs[at] = next;
      next.heapAt = at;
      at = child;
    }
    jobs[at] = job;
    job.heapAt = at;
  }
}
