import type { HeldJob } from './held-job.ts';

/** Jobs that were claimed ahead and wait for a free slot, in the order of their claims; those that stalled before stand apart. */
export class ReadyJobs<Data, Result> {
  #fresh: HeldJob<Data, Result>[] = [];
  #stalled: HeldJob<Data, Result>[] = [];

  get size(): number {
    return this.#fresh.length + this.#stalled.length;
  }

  values(): HeldJob<Data, Result>[] {
    return [...this.#fresh, ...this.#stalled];
  }

  /** The job that stalled before and was claimed first. */
  get firstStalled(): HeldJob<Data, Result> | undefined {
    return this.#stalled[0];
  }

  push(held: HeldJob<Data, Result>): void {
    if (held.stalls > 0) this.#stalled.push(held);
    else this.#fresh.push(held);
  }

  /** Takes the job that was claimed first. */
  next(): HeldJob<Data, Result> | undefined {
    const [fresh] = this.#fresh;
    const [stalled] = this.#stalled;
    if (stalled !== undefined && (fresh === undefined || stalled.token < fresh.token)) return this.#stalled.shift();
    return this.#fresh.shift();
  }

  remove(held: HeldJob<Data, Result>): void {
    this.#fresh = this.#fresh.filter((each) => each !== held);
    this.#stalled = this.#stalled.filter((each) => each !== held);
  }

  takeAll(): HeldJob<Data, Result>[] {
    const jobs = this.values();
    this.#fresh = [];
    this.#stalled = [];
    return jobs;
  }
}
