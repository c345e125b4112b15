import type { Job } from './job.ts';

/** The finished jobs of one queue and state that are kept, in the order they finished. */
export class KeptList {
  #oldest: Job | undefined;
  #newest: Job | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): Job | undefined {
    return this.#oldest;
  }

  append(job: Job): void {
    job.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = job;
    else this.#newest.newer = job;
    this.#newest = job;
    this.#size += 1;
  }

  remove(job: Job): void {
    if (job.older === undefined) this.#oldest = job.newer;
    else job.older.newer = job.newer;
    if (job.newer === undefined) this.#newest = job.older;
    else job.newer.older = job.older;
    job.older = undefined;
    job.newer = undefined;
    this.#size -= 1;
  }

  /** From the one that finished first to the one that finished last. */
  *jobs(): Generator<Job> {
    for (let job = this.#oldest; job !== undefined; job = job.newer) yield job;
  }
}
