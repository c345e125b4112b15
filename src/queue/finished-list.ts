/** A finished job's neighbours in the list. */
export interface Neighbours<Job> {
  older: Job | undefined;
  newer: Job | undefined;
}

/** What the list has to know of a job. */
export interface ListedJob<Job> {
  readonly end: Readonly<Neighbours<Job>>;
  ownEnd(): Neighbours<Job>;
}

/** The finished jobs of one queue and state that are kept, in the order they finished. */
export class FinishedList<Job extends ListedJob<Job>> {
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
    job.ownEnd().older = this.#newest;
    if (this.#newest === undefined) this.#oldest = job;
    else this.#newest.ownEnd().newer = job;
    this.#newest = job;
    this.#size += 1;
  }

  remove(job: Job): void {
    const end = job.ownEnd();
    const { older, newer } = end;
    if (older === undefined) this.#oldest = newer;
    else older.ownEnd().newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.ownEnd().older = older;
    end.older = undefined;
    end.newer = undefined;
    this.#size -= 1;
  }

  /** In the order they finished. */
  *jobs(): Generator<Job> {
    for (let job: Job | undefined = this.#oldest; job !== undefined; job = job.end.newer) yield job;
  }

  /** In the order they finished, or backwards. @param behind a job of the list, without it; undefined for all. */
  *jobsFrom(behind: Job | undefined, isDescending: boolean): Generator<Job> {
    const first = isDescending ? this.#newest : this.#oldest;
    const next = (job: Job): Job | undefined => (isDescending ? job.end.older : job.end.newer);
    for (let job: Job | undefined = behind === undefined ? first : next(behind); job !== undefined; job = next(job)) yield job;
  }
}
