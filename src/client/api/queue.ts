import { z } from 'zod';
import { describeValue } from '../../base/describe-value.ts';
import { JobraftError } from '../../base/errors.ts';
import { isPromise } from '../../base/missing-await.ts';
import type { JobState, QueueCounts } from '../../protocol/job-state.ts';
import type { AddOptions } from '../../protocol/request-encoder.ts';
import { startSpan } from '../../tracing/span.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { BulkTooLargeError, ClientClosedError } from '../errors.ts';
import { aValue, checkOptions, optionsOf } from '../option-check.ts';
import { encodePayload } from '../payload.ts';
import { readProperty } from '../thrown.ts';
import { AddCall } from './add-call.ts';
import { addBytesOf, Bulk } from './bulk.ts';
import { OPTIONS_MISSING, QUEUE_MISSING } from './bullmq-names.ts';
import type { Client } from './client.ts';
import { aConnection, acquireClient, CONNECTION_REMEDY, type SharedClient } from './connection-source.ts';
import type { Job } from './job.ts';
import { type JobProgress, progressBytesOf } from './job-changes.ts';
import { type RemoveJobOptions, removesChildren } from './job-children.ts';
import { QueueCommands } from './job-commands.ts';
import { parseJobId } from './job-id.ts';
import { type ListedState, type ListOptions, listedStates, listJobs } from './job-list.ts';
import { jobOfDetail } from './job-of.ts';
import { addOptionsOf, DEFAULT_JOB_OPTIONS, type DefaultJobOptions, JOB_OPTIONS, type JobOptions } from './job-options.ts';
import { LoggedQueue } from './logged-queue.ts';
import {
  type CleanedState,
  cleanJobs,
  drainJobs,
  type ObliterateOptions,
  obliterateJobs,
  type PromoteJobsOptions,
  promoteJobs,
  type RetryJobsOptions,
  retryJobs,
} from './many-jobs.ts';
import { addMissingNames } from './not-supported.ts';
import { checkQueueName } from './queue-name.ts';
import { type ReadOptions, readConsistency } from './read-options.ts';

export type {
  CleanedState,
  DefaultJobOptions,
  JobOptions,
  ListedState,
  ListOptions,
  ObliterateOptions,
  PromoteJobsOptions,
  RetryJobsOptions,
};

export interface QueueOptions {
  /** A cluster, or a Client that the caller creates and closes. */
  readonly connection: ClusterEndpoint | Client;
  /** Options of every job that does not set them itself. */
  readonly defaultJobOptions?: DefaultJobOptions;
}

export interface BulkJob<Data> {
  readonly name: string;
  readonly data: Data;
  readonly opts?: JobOptions;
}

const SCHEMA = optionsOf(
  { connection: aConnection, defaultJobOptions: DEFAULT_JOB_OPTIONS.optional() } satisfies Record<keyof QueueOptions, z.ZodType>,
  CONNECTION_REMEDY,
  OPTIONS_MISSING.queue,
);
const BULK_JOB = optionsOf(
  { name: z.unknown(), data: z.unknown(), opts: JOB_OPTIONS.optional() } satisfies Record<keyof BulkJob<unknown>, z.ZodType>,
  'Give an object { name, data, opts } for each job.',
);
const BULK = aValue(Array.isArray, 'Give a list of jobs: [{ name, data, opts }].');

/**
 * The producer's side of one named queue. When add() resolves, the job is committed. What BullMQ's class has and this one lacks is an error
 * in TypeScript, and a {@link NotSupportedError} at run time.
 */
export class Queue<Data = unknown, Result = unknown> extends LoggedQueue<Data> implements AsyncDisposable {
  readonly #lease: SharedClient;
  readonly #dispatcher: Dispatcher;
  readonly #commands: QueueCommands;
  readonly #defaults: AddOptions;
  #closing: Promise<void> | undefined;

  static {
    addMissingNames(Queue, 'Queue', QUEUE_MISSING);
  }

  /** @throws {UnknownOptionError | InvalidOptionError} */
  constructor(name: string, options: QueueOptions) {
    checkQueueName(name);
    checkOptions(SCHEMA, options);
    const defaults = addOptionsOf(options.defaultJobOptions);
    const lease = acquireClient(options.connection);
    const commands = new QueueCommands(name, lease.client.dispatcher);
    super(name, commands, defaults);
    this.#defaults = defaults;
    this.#lease = lease;
    this.#dispatcher = lease.client.dispatcher;
    this.#commands = commands;
  }

  async waitUntilReady(): Promise<void> {
    await this.#lease.client.connect(this.name);
  }

  /**
   * Adds one job. Calls of the same turn are sent as one request. If the queue has a job with the option `jobId`, in any state, nothing is
   * added, and the returned job has the id of that one.
   * @param data any JSON value, or a Uint8Array that is kept as raw bytes.
   * @throws {PayloadTooLargeError | InvalidPayloadError | UnknownOptionError | InvalidOptionError | OverloadedError} nothing was added
   * @throws {NoNodesRunningError | ClientClosedError} nothing was added
   * @throws {DeadlineError | NoLeaderError | QuorumLostError | SessionExpiredError | ClusterClosedError} see the error's `outcome`
   */
  add(name: string, data: Data, options?: JobOptions): Promise<Job<Data, Result>> {
    const span = startSpan('add', this.name);
    const added = this.#add(name, data, options);
    return span === undefined ? added : span.over(added, ({ id }) => ({ 'messaging.message.id': id }));
  }

  #add(name: string, data: Data, options: JobOptions | undefined): Promise<Job<Data, Result>> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) throw new ClientClosedError();
      const added = addOptionsOf(options, this.#defaults);
      const payload = encodePayload(name, data, this.#dispatcher.config.payloadBytesMax);
      this.#dispatcher.open(payload.length + addBytesOf(added)).add(this.name, payload, added);
      this.#dispatcher.commit(
        new AddCall<Data, Result>(this.name, this.#commands, name, data, added, resolve, reject, this.#lease.client.clock),
      );
    });
  }

  /**
   * Adds many jobs, in as many requests as the limits require. Everything is checked before the first is sent. Not atomic: if it
   * rejects, all replies have arrived, and some of the jobs may have been added.
   * @throws {InvalidPayloadError | PayloadTooLargeError | UnknownOptionError | InvalidOptionError} nothing was added; the message begins with
   * the index and the name of the invalid job
   * @throws {BulkTooLargeError} if their names and data exceed 1 GiB; nothing was added
   */
  addBulk(jobs: readonly BulkJob<Data>[]): Promise<Job<Data, Result>[]> {
    const span = startSpan('add', this.name);
    const added = this.#addBulk(jobs);
    return span === undefined ? added : span.over(added, ({ length }) => ({ 'messaging.batch.message_count': length }));
  }

  async #addBulk(jobs: readonly BulkJob<Data>[]): Promise<Job<Data, Result>[]> {
    if (this.#closing !== undefined) throw new ClientClosedError();
    checkOptions(BULK, jobs, ['jobs']);
    const bulk = new Bulk<Data, Result>(this.name, this.#commands, this.#dispatcher, jobs.length);
    for (let at = 0; at < jobs.length; at += 1) {
      const job = jobs[at] as BulkJob<Data>;
      try {
        const { name, data, opts } = checkedBulkJob(job, at);
        bulk.push(name, data, addOptionsOf(opts, this.#defaults, at));
      } catch (error) {
        throw ofBulkJob(error, job, at);
      }
    }
    return await bulk.addAll(this.#lease.client.clock);
  }

  /**
   * @param id as add() returned it, or the option `jobId`.
   * @returns undefined if this queue has no such job.
   * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError}
   */
  async getJob(id: string, options?: ReadOptions): Promise<Job<Data, Result> | undefined> {
    const consistency = readConsistency(options);
    const detail = await this.#commands.find(parseJobId(id), consistency);
    return detail === undefined ? undefined : jobOfDetail(detail, this.#commands);
  }

  /** By a linearizable read. @returns 'unknown' if this queue has no such job. @throws {InvalidOptionError | DeadlineError | NoLeaderError} */
  async getJobState(id: string): Promise<JobState | 'unknown'> {
    return await this.#commands.stateOf(parseJobId(id));
  }

  /** As `job.updateProgress()` of a job from {@link getJob}, with its errors. @param id as add() returned it, or the option `jobId`. */
  async updateJobProgress(id: string, progress: JobProgress): Promise<void> {
    const bytes = progressBytesOf(progress);
    await this.#commands.updateProgress(await this.#commands.numberOf(parseJobId(id)), 0, bytes);
  }

  /** How many jobs are in each state. @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError} */
  async getJobCounts(options?: ReadOptions): Promise<QueueCounts> {
    return await this.#commands.counts(readConsistency(options));
  }

  /**
   * The jobs of some states: of each state those from position `start` to `end`. Without options all of them, so bound it where there may be
   * many. An ascending listing is in the order of the state: waiting as workers get them, delayed by the end of their delay, active by id, completed
   * and failed as they finished. The states follow each other in the order that is given.
   *
   * Ids are read by 5,000, jobs by 1,000, each page by a read of its own. So it is no snapshot: jobs that are removed meanwhile are left out,
   * one that moves to another state meanwhile may be in neither or show the later one, and none is there twice.
   * @param states one of 'active', 'completed', 'delayed', 'failed', 'waiting', 'waiting-children', or a list of them; none or an empty list for all.
   * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError | OverloadedError | ClientClosedError}
   */
  async getJobs(states?: ListedState | readonly ListedState[], options?: ListOptions): Promise<Job<Data, Result>[]> {
    const details = await listJobs(this.#commands, states, options);
    return details.map((detail) => jobOfDetail(detail, this.#commands));
  }

  /** In the order in which workers get them. See {@link getJobs}. */
  async getWaiting(start = 0, end = -1): Promise<Job<Data, Result>[]> {
    return await this.getJobs('waiting', { start, end, asc: true });
  }

  /** By id. See {@link getJobs}. */
  async getActive(start = 0, end = -1): Promise<Job<Data, Result>[]> {
    return await this.getJobs('active', { start, end, asc: true });
  }

  /** Those that wait for their children, by id. See {@link getJobs}. */
  async getWaitingChildren(start = 0, end = -1): Promise<Job<Data, Result>[]> {
    return await this.getJobs('waiting-children', { start, end, asc: true });
  }

  /** The first one is due first. See {@link getJobs}. */
  async getDelayed(start = 0, end = -1): Promise<Job<Data, Result>[]> {
    return await this.getJobs('delayed', { start, end, asc: true });
  }

  /** The one that was completed last comes first. See {@link getJobs}. */
  async getCompleted(start = 0, end = -1): Promise<Job<Data, Result>[]> {
    return await this.getJobs('completed', { start, end });
  }

  /** The one that failed last comes first. See {@link getJobs}. */
  async getFailed(start = 0, end = -1): Promise<Job<Data, Result>[]> {
    return await this.getJobs('failed', { start, end });
  }

  /** How many jobs are not processed yet: waiting and delayed ones, and those that wait for children. See {@link getJobCounts}. */
  async count(): Promise<number> {
    return await this.getJobCountByTypes('waiting', 'delayed', 'waiting-children');
  }

  /**
   * How many jobs are in one of these states, of one read; without a state, how many there are.
   * @throws {InvalidOptionError} nothing was sent. @throws {DeadlineError | NoLeaderError | ClientClosedError}
   */
  async getJobCountByTypes(...states: readonly ListedState[]): Promise<number> {
    const counted = listedStates(states);
    const counts = await this.getJobCounts();
    return [...counted].reduce((sum, state) => sum + counts[state], 0);
  }

  /** See {@link getJobCounts}. */
  async getWaitingCount(): Promise<number> {
    return (await this.getJobCounts()).waiting;
  }

  /** See {@link getJobCounts}. */
  async getWaitingChildrenCount(): Promise<number> {
    return (await this.getJobCounts())['waiting-children'];
  }

  /** See {@link getJobCounts}. */
  async getActiveCount(): Promise<number> {
    return (await this.getJobCounts()).active;
  }

  /** See {@link getJobCounts}. */
  async getDelayedCount(): Promise<number> {
    return (await this.getJobCounts()).delayed;
  }

  /** See {@link getJobCounts}. */
  async getCompletedCount(): Promise<number> {
    return (await this.getJobCounts()).completed;
  }

  /** See {@link getJobCounts}. */
  async getFailedCount(): Promise<number> {
    return (await this.getJobCounts()).failed;
  }

  /**
   * Removes a job of this queue that is not active, with all jobs below it.
   * @returns 1. Where BullMQ returns 0, it rejects.
   * @throws {JobNotFoundError} if this queue has no such job. @throws {JobStateError} if the job is active.
   * @throws {ChildActiveError} if one of those below it is active; nothing was removed
   * @throws {UnknownOptionError | InvalidOptionError} nothing was sent
   */
  async remove(id: string, options?: RemoveJobOptions): Promise<1> {
    const isWhole = removesChildren(options);
    const number = await this.#commands.numberOf(parseJobId(id));
    await (isWhole ? this.#commands.remove(number) : this.#commands.removeAlone(number));
    return 1;
  }

  /**
   * Removes the jobs that wait now, in several requests. Jobs that a worker gets meanwhile are processed; of those that are added
   * meanwhile some may be removed.
   * @param delayed also those that are delayed.
   * @throws {InvalidOptionError | DeadlineError | NoLeaderError | OverloadedError | ClientClosedError} some may have been removed
   */
  async drain(delayed = false): Promise<void> {
    await drainJobs(this.#commands, delayed);
  }

  /**
   * Removes jobs of one state that were added, or finished if they are, at least `grace` milliseconds ago: the oldest first; of waiting
   * ones those that are served first, and of delayed ones those that are due first. The cluster's clock decides; with a grace period a client
   * whose clock is more than a minute behind it leaves some.
   * @param limit how many at most; 0 for all.
   * @returns the ids of the removed jobs.
   * @throws {InvalidOptionError | DeadlineError | NoLeaderError | OverloadedError | ClientClosedError} some may have been removed
   */
  async clean(grace: number, limit: number, type: CleanedState = 'completed'): Promise<string[]> {
    return await cleanJobs(this.#commands, grace, limit, type, this.#lease.client.clock.wallMs());
  }

  /**
   * Removes all jobs and job schedulers of this queue that are there now, and its limits; of those that are added meanwhile some may be removed. The queue is paused meanwhile, and
   * resumed afterwards. A call that overlaps with another one, or with {@link pause} or {@link resume}, may resume the queue early.
   * @throws {JobStateError} if workers have some of them, unless `force` is set; nothing was removed, and the queue is paused only if it was
   * @throws {UnknownOptionError | InvalidOptionError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | OverloadedError | ClientClosedError} some may have been removed, and the queue may be paused
   */
  async obliterate(options: ObliterateOptions = {}): Promise<void> {
    await obliterateJobs(this, this.#commands, options);
  }

  /**
   * All failed jobs become waiting again, with all their attempts. See {@link Job.retry}.
   * @throws {UnknownOptionError | InvalidOptionError | NotSupportedError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | OverloadedError | ClientClosedError} some may be waiting again
   */
  async retryJobs(options: RetryJobsOptions = {}): Promise<void> {
    await retryJobs(this.#commands, options);
  }

  /**
   * All delayed jobs become waiting now. See {@link Job.promote}.
   * @throws {UnknownOptionError | InvalidOptionError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | OverloadedError | ClientClosedError} some may be waiting
   */
  async promoteJobs(options: PromoteJobsOptions = {}): Promise<void> {
    await promoteJobs(this.#commands, options);
  }

  /** Closes the client if the queue created it and is its last user. May be called twice. */
  close(): Promise<void> {
    this.#commands.close();
    this.#closing ??= this.#lease.release();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The same error, with the job in its message. A bulk that is too large as a whole names none. */
function ofBulkJob(error: unknown, job: unknown, at: number): unknown {
  if (!(error instanceof JobraftError) || error instanceof BulkTooLargeError) return error;
  const name: unknown = typeof job === 'object' && job !== null ? readProperty(job, 'name') : undefined;
  const named = name === undefined ? '' : ` (${describeValue(name)})`;
  error.message = `Nothing of the bulk was added, because of the job at index ${at}${named}. ${error.message}`;
  // The stack begins with the original message.
  Error.captureStackTrace(error, ofBulkJob);
  return error;
}

/** A check without zod first, for the thousands of jobs in a bulk. */
function checkedBulkJob<Data>(job: BulkJob<Data>, at: number): BulkJob<Data> {
  if (!isBulkJobAtSight(job)) checkOptions(BULK_JOB, job, ['jobs', at]);
  return job;
}

function isBulkJobAtSight(job: unknown): boolean {
  if (typeof job !== 'object' || job === null || Array.isArray(job) || isPromise(job)) return false;
  for (const name in job) if (name !== 'name' && name !== 'data' && name !== 'opts') return false;
  return true;
}
