import type { LeasedJob } from './leased-job.ts';

/** Maximum number of taken jobs that stay referenced. */
const TAKEN_MAX = 256;

/** Jobs that were claimed ahead and wait for a free slot, in the order of their claims; those that stalled before are separate. */
export class ReadyJobs<Data, Result> {
  #fresh: LeasedJob<Data, Result>[] = [];
  /** Number of taken jobs among the fresh ones: shift() would move all that follow. */
  #taken = 0;
  #stalled: LeasedJob<Data, Result>[] = [];

  get size(): number {
    return this.#fresh.length - this.#taken + this.#stalled.length;
  }

  values(): LeasedJob<Data, Result>[] {
    return [...this.#fresh.slice(this.#taken), ...this.#stalled];
  }

  /** The job that stalled before and was claimed first. */
  get firstStalled(): LeasedJob<Data, Result> | undefined {
    return this.#stalled[0];
  }

  push(held: LeasedJob<Data, Result>): void {
    if (held.stalls > 0) this.#stalled.push(held);
    else this.#fresh.push(held);
  }

  /** Takes the job that was claimed first. */
  next(): LeasedJob<Data, Result> | undefined {
    const fresh = this.#fresh[this.#taken];
    const stalled = this.#stalled[0];
    if (stalled !== undefined && (fresh === undefined || stalled.token < fresh.token)) return this.#stalled.shift();
    if (fresh === undefined) return undefined;
    this.#taken += 1;
    if (this.#taken >= TAKEN_MAX || this.#taken === this.#fresh.length) this.#dropTaken();
    return fresh;
  }

  remove(held: LeasedJob<Data, Result>): void {
    // Thousands may be taken in a row, each of them the first.
    if (held === this.#stalled[0]) {
      this.#stalled.shift();
      return;
    }
    this.#dropTaken();
    this.#fresh = this.#fresh.filter((each) => each !== held);
    this.#stalled = this.#stalled.filter((each) => each !== held);
  }

  takeAll(): LeasedJob<Data, Result>[] {
    const jobs = this.values();
    this.#fresh = [];
    this.#taken = 0;
    this.#stalled = [];
    return jobs;
  }

  #dropTaken(): void {
    this.#fresh = this.#fresh.slice(this.#taken);
    this.#taken = 0;
  }
}
