import { invariant } from '../base/invariant.ts';
import type { Job } from './job.ts';

const isDueBefore = (a: Job, b: Job): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.id < b.id);

/**
 * Jobs by (dueMs, id), the earliest on top. A job is in at most one such heap and stores its position there, so that it can leave
 * from the middle. Change `dueMs` only while the job is outside, or call `update` afterwards.
 */
export class DeadlineHeap {
  readonly #jobs: Job[] = [];

  get size(): number {
    return this.#jobs.length;
  }

  top(): Job | undefined {
    return this.#jobs[0];
  }

  push(job: Job): void {
    invariant(job.heapAt === -1, () => `job ${job.id} has two deadlines`);
    this.#jobs.push(job);
    this.#rise(job, this.#jobs.length - 1);
  }

  remove(job: Job): void {
    const at = job.heapAt;
    invariant(this.#jobs[at] === job, () => `job ${job.id} is not in the heap of its deadline`);
    job.heapAt = -1;
    const last = this.#jobs.pop() as Job;
    if (last !== job) this.#settle(last, at);
  }

  /** Restores the heap order after the job's `dueMs` has changed. */
  update(job: Job): void {
    invariant(this.#jobs[job.heapAt] === job, () => `job ${job.id} is not in the heap of its deadline`);
    this.#settle(job, job.heapAt);
  }

  /** The jobs in heap order. */
  values(): readonly Job[] {
    return this.#jobs;
  }

  #settle(job: Job, at: number): void {
    if (at > 0 && isDueBefore(job, this.#jobs[(at - 1) >> 1] as Job)) this.#rise(job, at);
    else this.#sink(job, at);
  }

  #rise(job: Job, from: number): void {
    const jobs = this.#jobs;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = jobs[parentAt] as Job;
      if (!isDueBefore(job, parent)) break;
      jobs[at] = parent;
      parent.heapAt = at;
      at = parentAt;
    }
    jobs[at] = job;
    job.heapAt = at;
  }

  #sink(job: Job, from: number): void {
    const jobs = this.#jobs;
    const size = jobs.length;
    let at = from;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isDueBefore(jobs[child + 1] as Job, jobs[child] as Job)) child += 1;
      const next = jobs[child] as Job;
      if (!isDueBefore(next, job)) break;
      jobs[at] = next;
      next.heapAt = at;
      at = child;
    }
    jobs[at] = job;
    job.heapAt = at;
  }
}
