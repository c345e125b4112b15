import type { JobCounts } from '../protocol/job-state.ts';
import { FinishedList, type ListedJob } from './finished-list.ts';
import { WaitingIndex, type WaitingJob } from './waiting-index.ts';

/** The options of an add; shared by all jobs of a queue that were added alike. */
export interface JobPolicy<Job extends WaitingJob & ListedJob<Job>> {
  readonly queue: NamedQueue<Job>;
  readonly attemptsMax: number;
  /** A position in BACKOFF_TYPES. */
  readonly backoff: number;
  readonly backoffMs: number;
  readonly keepCompleted: number;
  readonly keepFailed: number;
}

/** One queue: the index of its waiting jobs, the finished jobs it keeps, and how many jobs it has in each state. */
export class NamedQueue<Job extends WaitingJob & ListedJob<Job>> implements JobCounts {
  /** Represents the name in job records; never assigned twice. */
  readonly number: number;
  readonly name: string;
  readonly index = new WaitingIndex<Job>();
  readonly keptCompleted = new FinishedList<Job>();
  readonly keptFailed = new FinishedList<Job>();
  delayed = 0;
  waiting = 0;
  active = 0;
  /** The checkpoint has a record of the queue. */
  isStored = false;
  /** The policy of the job added last: the next job is most likely to share it. */
  #latestPolicy: JobPolicy<Job> | undefined = undefined;

  constructor(number: number, name: string) {
    this.number = number;
    this.name = name;
  }

  get completed(): number {
    return this.keptCompleted.size;
  }

  get failed(): number {
    return this.keptFailed.size;
  }

  get isEmpty(): boolean {
    return this.delayed + this.waiting + this.active + this.completed + this.failed === 0;
  }

  /** A policy of these values; the same object for jobs that are added alike in a row. */
  sharePolicy(attemptsMax: number, backoff: number, backoffMs: number, keepCompleted: number, keepFailed: number): JobPolicy<Job> {
    const latest = this.#latestPolicy;
    if (
      latest !== undefined &&
      latest.attemptsMax === attemptsMax &&
      latest.backoff === backoff &&
      latest.backoffMs === backoffMs &&
      latest.keepCompleted === keepCompleted &&
      latest.keepFailed === keepFailed
    ) {
      return latest;
    }
    const policy: JobPolicy<Job> = { queue: this, attemptsMax, backoff, backoffMs, keepCompleted, keepFailed };
    this.#latestPolicy = policy;
    return policy;
  }
}
