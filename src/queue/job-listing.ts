import { StateCode } from '../protocol/job-state.ts';
import type { FinishedList } from './finished-list.ts';
import type { Job } from './job.ts';
import { isBehind, rankOf, tieOf } from './job-places.ts';
import type { JobStore } from './job-store.ts';
import { type Listing, LOOKED_PER_STEP_MAX } from './listing.ts';
import type { NamedQueue } from './named-queue.ts';
import type { ReplyEncoder } from './reply-encoder.ts';
import { SEGMENT_ITEMS } from './segmented-fifo.ts';

/** Most jobs that one page skips and lists together, so that they are found in one step, beside some that were removed or came back. */
const PLACES_MAX = 5_000;

/** The fields of `jobIds`, see commands.ts. */
export interface JobListingRequest {
  readonly state: number;
  readonly isDescending: boolean;
  readonly afterRank: number;
  readonly afterTie: number;
  readonly start: number;
  readonly countMax: number;
}

/** A job with its place at the moment it was looked at. */
interface PlacedJob {
  readonly job: Job;
  readonly rank: number;
  readonly tie: number;
}

/**
 * A page of the jobs of a queue in one state, in the order of the state (JobPlace).
 *
 * Usually one step finds it, from the state's own index: waiting jobs from the place where the page begins, also among a million; delayed
 * and active ones among all of the cluster, if there are fewer than {@link LOOKED_PER_STEP_MAX}; finished ones from the job that the page
 * follows. Where the index has too many jobs in no order (delayed, active, or waiting again after a delay), or begins with too many removed
 * ones, all jobs of the cluster are looked at, a bounded number in each step. Such a page is no snapshot: a job that enters the state
 * meanwhile may be missing, and one that leaves it is left out.
 */
export class JobListing implements Listing {
  looked = 0;
  readonly #jobs: JobStore;
  readonly #queue: NamedQueue<Job> | undefined;
  readonly #state: number;
  readonly #isDescending: boolean;
  readonly #after: { readonly rank: number; readonly tie: number };
  readonly #start: number;
  /** The page has at most this many places, skipped ones included. */
  readonly #placesMax: number;
  /** Behind the place that the page follows; in order only once it is complete. */
  #found: PlacedJob[] = [];
  /** The last place of the page once jobs behind it were dropped. */
  #last: PlacedJob | undefined;
  /** All jobs of the cluster; defined once the state's index was not sufficient. */
  #all: Generator<Job> | undefined;
  /** The first id that was not assigned when they were first looked at. */
  readonly #endId: number;

  /** @param request its fields are copied. */
  constructor(jobs: JobStore, queue: NamedQueue<Job> | undefined, request: JobListingRequest) {
    this.#jobs = jobs;
    this.#queue = queue;
    this.#state = request.state;
    this.#isDescending = request.isDescending;
    this.#after = { rank: request.afterRank, tie: request.afterTie };
    this.#start = request.start;
    this.#placesMax = Math.min(request.start + request.countMax, PLACES_MAX);
    this.#endId = jobs.nextJobId;
  }

  step(): boolean {
    this.looked = 0;
    if (this.#queue === undefined) return true;
    if (this.#all !== undefined) return this.#lookAt(this.#all);
    const near = this.#near(this.#queue);
    if (near !== undefined && this.#lookAt(near)) return true;
    this.#found = [];
    this.#last = undefined;
    this.#all = this.#jobs.table.jobs();
    return false;
  }

  writeResult(replies: ReplyEncoder): void {
    this.#sort();
    const isOver = this.#last === undefined && this.#found.length <= this.#placesMax;
    const places = this.#found.slice(0, this.#placesMax);
    const { rank, tie } = places.at(-1) ?? this.#after;
    const listed = places.slice(this.#start).filter(({ job: { id }, rank: at, tie: order }) => {
      // Another object represents the job if its priority was changed since.
      const job = this.#jobs.table.get(id);
      return job !== undefined && this.#isIn(job) && this.#hasPlace(job, at, order);
    });
    const skipped = Math.min(this.#start, places.length);
    replies.list(
      'jobIds',
      { skipped, isOver, rank, tie },
      listed.map(({ job }) => ({ id: job.id })),
    );
  }

  /** Jobs that include the first of the page and one more, from the state's index; undefined if it has too many in no order. */
  #near(queue: NamedQueue<Job>): Iterator<Job> | undefined {
    switch (this.#state) {
      case StateCode.waiting:
        if (queue.index.priorities >= LOOKED_PER_STEP_MAX) return undefined;
        // On the way to the place it compares all priorities, and a job of each segment.
        this.looked += queue.index.priorities + Math.ceil(queue.waiting / SEGMENT_ITEMS);
        return queue.index.near(this.#after, this.#isDescending, this.#placesMax + 1);
      case StateCode.delayed:
        return this.#jobs.delayed.size < LOOKED_PER_STEP_MAX ? this.#jobs.delayed.values().values() : undefined;
      case StateCode.active:
        return this.#jobs.leases.size < LOOKED_PER_STEP_MAX ? this.#jobs.leases.values().values() : undefined;
      case StateCode['waiting-children']:
        return this.#jobs.flows.parentCount < LOOKED_PER_STEP_MAX ? this.#parents() : undefined;
      case StateCode.completed:
        return this.#finished(queue.keptCompleted);
      default:
        return this.#finished(queue.keptFailed);
    }
  }

  /** All jobs of the cluster that have children. */
  *#parents(): Generator<Job> {
    for (const { id } of this.#jobs.flows.parents()) {
      const job = this.#jobs.table.get(id);
      if (job !== undefined) yield job;
    }
  }

  /** From the job that the page follows, or from an end of the list if that one has left it. */
  *#finished(kept: FinishedList<Job>): Generator<Job> {
    const { rank, tie } = this.#after;
    const last = this.#jobs.table.get(tie);
    const isListed = last !== undefined && this.#isIn(last) && this.#hasPlace(last, rank, tie);
    for (const job of kept.jobsFrom(isListed ? last : undefined, this.#isDescending)) {
      if (this.#found.length > this.#placesMax) return;
      yield job;
    }
  }

  /** @returns whether it came to the end of `jobs`. */
  #lookAt(jobs: Iterator<Job>): boolean {
    for (let count = 0; count < LOOKED_PER_STEP_MAX; count += 1) {
      const next = jobs.next();
      if (next.done === true || next.value.id >= this.#endId) return true;
      this.looked += 1;
      this.#offer(next.value);
    }
    return false;
  }

  #offer(job: Job): void {
    if (!this.#isIn(job)) return;
    const rank = rankOf(job, this.#state);
    const tie = tieOf(job, this.#state);
    if (!isBehind(rank, tie, this.#after, this.#isDescending)) return;
    if (this.#last !== undefined && isBehind(rank, tie, this.#last, this.#isDescending)) return;
    this.#found.push({ job, rank, tie });
    if (this.#found.length < 2 * (this.#placesMax + 1)) return;
    this.#sort();
    this.#found.length = this.#placesMax;
    this.#last = this.#found.at(-1);
  }

  #sort(): void {
    const sign = this.#isDescending ? -1 : 1;
    this.#found.sort((a, b) => sign * (a.rank - b.rank || a.tie - b.tie));
  }

  #isIn(job: Job): boolean {
    return job.state === this.#state && job.queue === this.#queue;
  }

  #hasPlace(job: Job, rank: number, tie: number): boolean {
    return rankOf(job, this.#state) === rank && tieOf(job, this.#state) === tie;
  }
}
