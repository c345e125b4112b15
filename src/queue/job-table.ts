import { invariant } from '../base/invariant.ts';
import type { Job } from './job.ts';

const PAGE_JOBS = 64;

interface Page {
  readonly jobs: (Job | undefined)[];
  live: number;
}

/**
 * All jobs by id. Ids are assigned in ascending order, so pages of neighbours replace one large hash table: most
 * look-ups hit the same page as the one before, and no table is ever copied to grow.
 */
export class JobTable {
  readonly #pages = new Map<number, Page>();
  #size = 0;
  #cachedNumber = -1;
  #cached: Page | undefined;
  #newestNumber = -1;

  get size(): number {
    return this.#size;
  }

  get(id: number): Job | undefined {
    return this.#page(Math.floor(id / PAGE_JOBS))?.jobs[id % PAGE_JOBS];
  }

  /** Adds a job whose id is above all others. */
  append(job: Job): void {
    const number = Math.floor(job.id / PAGE_JOBS);
    let page = this.#page(number);
    if (page === undefined) {
      page = { jobs: new Array<Job | undefined>(PAGE_JOBS).fill(undefined), live: 0 };
      this.#leaveNewest();
      this.#pages.set(number, page);
      this.#newestNumber = number;
      this.#cachedNumber = number;
      this.#cached = page;
    }
    page.jobs[job.id % PAGE_JOBS] = job;
    page.live += 1;
    this.#size += 1;
  }

  /** Puts a job in the place of the one that has its id. */
  replace(job: Job): void {
    const page = this.#page(Math.floor(job.id / PAGE_JOBS));
    invariant(page?.jobs[job.id % PAGE_JOBS] !== undefined, () => `job ${job.id} replaces none`);
    page.jobs[job.id % PAGE_JOBS] = job;
  }

  delete(id: number): void {
    const number = Math.floor(id / PAGE_JOBS);
    const page = this.#page(number);
    if (page === undefined || page.jobs[id % PAGE_JOBS] === undefined) return;
    page.jobs[id % PAGE_JOBS] = undefined;
    page.live -= 1;
    this.#size -= 1;
    // The newest page is about to receive more jobs, so it stays even when it is empty.
    if (page.live === 0 && number !== this.#newestNumber) this.#drop(number);
  }

  /** Jobs with ids in [firstId, endId), in ascending order. */
  between(firstId: number, endId: number): Job[] {
    const jobs: Job[] = [];
    for (let id = firstId; id < endId; ) {
      const number = Math.floor(id / PAGE_JOBS);
      const page = this.#page(number);
      const end = Math.min(endId, (number + 1) * PAGE_JOBS);
      for (; id < end; id += 1) {
        const job = page?.jobs[id % PAGE_JOBS];
        if (job !== undefined) jobs.push(job);
      }
    }
    return jobs;
  }

  /** In ascending order of ids. */
  *jobs(): Generator<Job> {
    for (const page of this.#pages.values()) {
      for (const job of page.jobs) if (job !== undefined) yield job;
    }
  }

  #page(number: number): Page | undefined {
    if (number === this.#cachedNumber) return this.#cached;
    const page = this.#pages.get(number);
    if (page !== undefined) {
      this.#cachedNumber = number;
      this.#cached = page;
    }
    return page;
  }

  #leaveNewest(): void {
    if (this.#pages.get(this.#newestNumber)?.live === 0) this.#drop(this.#newestNumber);
  }

  #drop(number: number): void {
    this.#pages.delete(number);
    if (this.#cachedNumber === number) {
      this.#cachedNumber = -1;
      this.#cached = undefined;
    }
  }
}
