import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { JobCounts } from '../protocol/job-state.ts';
import { isSamePolicy, type Policy } from '../protocol/policy.ts';
import type { SchedulerTick } from '../protocol/scheduler.ts';
import type { EventRing } from './event-ring.ts';
import { FinishedList, type ListedJob } from './finished-list.ts';
import { flagsOfPace, type QueuePace, readPace, writePace } from './queue-pace.ts';
import { WaitingIndex, type WaitingJob } from './waiting-index.ts';

/** The policy of a job and its queue; shared by all jobs of a queue that were added alike. */
export interface JobPolicy<Job extends WaitingJob & ListedJob<Job>> extends Policy {
  readonly queue: NamedQueue<Job>;
  /** The id that the client chose. A job that has one shares its policy with no other: the others need no field for it. */
  readonly customId: string | undefined;
  /** The tick that added the job, if a job scheduler did; likewise. */
  readonly tick: SchedulerTick | undefined;
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
  /** Jobs that wait for their children. */
  waitingChildren = 0;
  /** How many job schedulers it has: SchedulerTable has them. */
  schedulers = 0;
  /** How many deduplication ids its jobs have taken: DeduplicationTable has them. */
  deduplications = 0;
  /** Claims take no job of it. */
  isPaused = false;
  /** Limits of what claims take; undefined, as for most queues, if there are none. */
  pace: QueuePace | undefined = undefined;
  /** The recording of its events; undefined, as for most queues, while no client subscribes to them. Maintained by EventTable. */
  events: EventRing | undefined = undefined;
  /** The checkpoint has a record of the queue. */
  isStored = false;
  /** The policy of the job added last: the next job is most likely to share it. */
  #latestPolicy: JobPolicy<Job> | undefined = undefined;
  /** The jobs that have custom ids, by these. */
  #customIds: Map<string, Job> | undefined = undefined;
  /** The object that it was taken from: all adds of a request that are alike have the same. */
  #latestSource: Policy | undefined = undefined;

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

  /** How many jobs a claim can take. */
  get claimable(): number {
    if (this.isPaused) return 0;
    return this.pace === undefined ? this.waiting : Math.min(this.waiting, this.pace.claimableMax(this.active));
  }

  /** The job that a claim takes next, which leaves the index of waiting jobs. */
  takeNext(): Job | undefined {
    return this.isPaused || this.pace?.claimableMax(this.active) === 0 ? undefined : this.index.pop();
  }

  /** It has nothing that would be lost without it. */
  get isUnused(): boolean {
    const jobs = this.delayed + this.waiting + this.waitingChildren + this.active + this.completed + this.failed;
    const others = this.schedulers + this.deduplications;
    return !this.isPaused && this.pace === undefined && this.events === undefined && others + jobs === 0;
  }

  /** This policy in this queue; the same object for jobs that are added alike in a row. */
  sharePolicy(policy: Policy): JobPolicy<Job> {
    if (this.#latestPolicy !== undefined && policy === this.#latestSource) return this.#latestPolicy;
    this.#latestSource = policy;
    if (this.#latestPolicy !== undefined && isSamePolicy(this.#latestPolicy, policy)) return this.#latestPolicy;
    this.#latestPolicy = { queue: this, ...policy, customId: undefined, tick: undefined };
    return this.#latestPolicy;
  }

  /** The job that has this id by its client's choice. */
  jobOf(customId: string): Job | undefined {
    return this.#customIds?.get(customId);
  }

  /** A job with a custom id is there from now on. */
  keepId(customId: string, job: Job): void {
    this.#customIds ??= new Map();
    this.#customIds.set(customId, job);
  }

  /** Its job is gone. */
  dropId(customId: string): void {
    this.#customIds?.delete(customId);
    if (this.#customIds?.size === 0) this.#customIds = undefined;
  }

  /** How many jobs have custom ids. */
  get customIds(): number {
    return this.#customIds?.size ?? 0;
  }
}

/** A flag in the record of a queue; the others are those of its pace. */
const PAUSED = 1;

/** The record of a queue, and its part of the digest. */
export function writeQueue<Job extends WaitingJob & ListedJob<Job>>(to: ByteWriter, queue: NamedQueue<Job>): void {
  to.text(queue.name);
  const { isPaused, pace } = queue;
  const flags = (isPaused ? PAUSED : 0) | (pace === undefined ? 0 : flagsOfPace(pace));
  // Only from version 4 on: earlier ones have no byte here, and no paused queue. Limits are of version 8.
  if (flags !== 0) to.u8(flags);
  if (pace !== undefined) writePace(to, pace);
}

/** @throws {MalformedBytesError} */
export function readQueue<Job extends WaitingJob & ListedJob<Job>>(number: number, from: ByteReader): NamedQueue<Job> {
  const queue = new NamedQueue<Job>(number, from.text());
  queue.isStored = true;
  const flags = from.remaining > 0 ? from.u8() : 0;
  queue.isPaused = (flags & PAUSED) !== 0;
  queue.pace = readPace(flags, from);
  return queue;
}
