import { z } from 'zod';
import { describeValue } from '../../base/describe-value.ts';
import { JobraftError } from '../../base/errors.ts';
import { isPromise } from '../../base/missing-await.ts';
import type { ReadConsistency } from '../../protocol/client-frame.ts';
import type { JobCounts } from '../../protocol/job-state.ts';
import { QUEUE_NAME_BYTES_MAX } from '../../protocol/limits.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import type { AddOptions, RequestEncoder } from '../../protocol/request-encoder.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import type { PendingOperation } from '../delivery/pending-operation.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { BulkTooLargeError, ClientClosedError } from '../errors.ts';
import { aValue, checkOptions, optionsOf } from '../option-check.ts';
import { encodePayload } from '../payload.ts';
import { unexpectedResult } from '../result-errors.ts';
import { readProperty } from '../thrown.ts';
import { ADD_BYTES, Bulk } from './bulk.ts';
import type { Client } from './client.ts';
import { aConnection, acquireClient, CONNECTION_REMEDY, type SharedClient } from './connection-source.ts';
import { type Job, jobOfAdd, jobOfDetail } from './job.ts';
import { addOptionsOf, JOB_OPTIONS, type JobOptions } from './job-options.ts';
import { type ReadOptions, readConsistency } from './read-options.ts';

export type { JobOptions };

export interface QueueOptions {
  /** A cluster, or a Client that the caller creates and closes. */
  readonly connection: ClusterEndpoint | Client;
  /** Options of every job that does not set them itself. */
  readonly defaultJobOptions?: JobOptions;
}

export interface BulkJob<Data> {
  readonly name: string;
  readonly data: Data;
  readonly opts?: JobOptions;
}

const OPERATION_BYTES = 64;

const SCHEMA = optionsOf(
  { connection: aConnection, defaultJobOptions: JOB_OPTIONS.optional() } satisfies Record<keyof QueueOptions, z.ZodType>,
  CONNECTION_REMEDY,
);
const BULK_JOB = optionsOf(
  { name: z.unknown(), data: z.unknown(), opts: JOB_OPTIONS.optional() } satisfies Record<keyof BulkJob<unknown>, z.ZodType>,
  'Give an object { name, data, opts } for each job.',
);
const BULK = aValue(Array.isArray, 'Give a list of jobs: [{ name, data, opts }].');

/** The producer's side of one named queue. When add() resolves, the job is committed. */
export class Queue<Data = unknown, Result = unknown> implements AsyncDisposable {
  readonly name: string;
  readonly #lease: SharedClient;
  readonly #dispatcher: Dispatcher;
  readonly #defaults: AddOptions;
  #closing: Promise<void> | undefined;

  /** @throws {UnknownOptionError | InvalidOptionError} */
  constructor(name: string, options: QueueOptions) {
    checkQueueName(name);
    checkOptions(SCHEMA, options);
    this.#defaults = addOptionsOf(options.defaultJobOptions);
    this.name = name;
    this.#lease = acquireClient(options.connection);
    this.#dispatcher = this.#lease.client.dispatcher;
  }

  async waitUntilReady(): Promise<void> {
    await this.#lease.client.connect();
  }

  /**
   * Adds one job. Calls of the same turn are sent as one request.
   * @param data any JSON value, or a Uint8Array that is kept as raw bytes.
   * @throws {PayloadTooLargeError | InvalidPayloadError | UnknownOptionError | InvalidOptionError | OverloadedError} nothing was added
   * @throws {NoNodesRunningError | ClientClosedError} nothing was added
   * @throws {DeadlineError | NoLeaderError | QuorumLostError | SessionExpiredError | ClusterClosedError} see the error's `outcome`
   */
  add(name: string, data: Data, options?: JobOptions): Promise<Job<Data, Result>> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) throw new ClientClosedError();
      const added = addOptionsOf(options, this.#defaults);
      const payload = encodePayload(name, data, this.#dispatcher.config.payloadBytesMax);
      this.#dispatcher.open(payload.length + ADD_BYTES).add(this.name, payload, added);
      this.#dispatcher.commit(new AddCall<Data, Result>(this.name, name, data, added.attemptsMax, resolve, reject));
    });
  }

  /**
   * Adds many jobs, in as many requests as the limits require. Everything is checked before the first is sent. Not atomic: if it
   * rejects, all replies have arrived, and some of the jobs may have been added.
   * @throws {InvalidPayloadError | PayloadTooLargeError | UnknownOptionError | InvalidOptionError} nothing was added; the message begins with
   * the index and the name of the invalid job
   * @throws {BulkTooLargeError} if their names and data exceed 1 GiB; nothing was added
   */
  async addBulk(jobs: readonly BulkJob<Data>[]): Promise<Job<Data, Result>[]> {
    if (this.#closing !== undefined) throw new ClientClosedError();
    checkOptions(BULK, jobs, ['jobs']);
    const bulk = new Bulk<Data, Result>(this.name, this.#dispatcher, jobs.length);
    for (let at = 0; at < jobs.length; at += 1) {
      const job = jobs[at] as BulkJob<Data>;
      try {
        const { name, data, opts } = checkedBulkJob(job, at);
        bulk.push(name, data, addOptionsOf(opts, this.#defaults, at));
      } catch (error) {
        throw ofBulkJob(error, job, at);
      }
    }
    return await bulk.addAll();
  }

  /** @returns undefined if this queue has no such job. @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError} */
  async getJob(id: number, options?: ReadOptions): Promise<Job<Data, Result> | undefined> {
    const consistency = readConsistency(options);
    checkJobId(id);
    const result = await this.#query(consistency, (encoder) => encoder.getJob(id));
    if (result.ok && result.type === 'job') return result.job.queue === this.name ? jobOfDetail(result.job) : undefined;
    if (!result.ok && result.code === 'JOB_NOT_FOUND') return undefined;
    throw unexpectedResult(result);
  }

  /** How many jobs are in each state. @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError} */
  async getJobCounts(options?: ReadOptions): Promise<JobCounts> {
    const result = await this.#query(readConsistency(options), (encoder) => encoder.counts(this.name));
    if (result.ok && result.type === 'counts') return result.counts;
    throw unexpectedResult(result);
  }

  /** A dead letter of this queue becomes waiting again, with all its attempts. @throws {JobNotFoundError | JobStateError} */
  async retryJob(id: number): Promise<void> {
    checkJobId(id);
    await this.#command((encoder) => encoder.retry(this.name, id));
  }

  /** Removes a job of this queue that is not active. @throws {JobNotFoundError | JobStateError} */
  async removeJob(id: number): Promise<void> {
    checkJobId(id);
    await this.#command((encoder) => encoder.remove(this.name, id));
  }

  /** Closes the client if the queue created it and is its last user. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#lease.release();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ask(write: (encoder: RequestEncoder) => void): Promise<OperationResult> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) throw new ClientClosedError();
      write(this.#dispatcher.open(OPERATION_BYTES));
      this.#dispatcher.commit({ onResult: resolve, onError: reject });
    });
  }

  #query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void): Promise<OperationResult> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== undefined) throw new ClientClosedError();
      this.#dispatcher.query(consistency, write, { onResult: resolve, onError: reject });
    });
  }

  async #command(write: (encoder: RequestEncoder) => void): Promise<void> {
    const result = await this.#ask(write);
    if (!result.ok || result.type !== 'done') throw unexpectedResult(result);
  }
}

/** A pending add(): the two ends of its promise and the fields of its job. */
class AddCall<Data, Result> implements PendingOperation {
  readonly onError: (error: Error) => void;
  readonly #queueName: string;
  readonly #name: string;
  readonly #data: Data;
  readonly #attemptsMax: number;
  readonly #resolve: (job: Job<Data, Result>) => void;

  constructor(
    queueName: string,
    name: string,
    data: Data,
    attemptsMax: number,
    resolve: (job: Job<Data, Result>) => void,
    reject: (error: Error) => void,
  ) {
    this.onError = reject;
    this.#queueName = queueName;
    this.#name = name;
    this.#data = data;
    this.#attemptsMax = attemptsMax;
    this.#resolve = resolve;
  }

  onResult(result: OperationResult): void {
    if (!result.ok || result.type !== 'added') {
      this.onError(unexpectedResult(result));
      return;
    }
    this.#resolve(jobOfAdd<Data, Result>(this.#queueName, result.id, Date.now(), this.#attemptsMax, this.#name, this.#data));
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

const QUEUE_NAME = aValue(
  (name) => typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= QUEUE_NAME_BYTES_MAX && name.isWellFormed(),
  `Give a queue name of 1 to ${QUEUE_NAME_BYTES_MAX} bytes of well-formed Unicode.`,
);

/** @throws {InvalidOptionError} */
export function checkQueueName(name: unknown): void {
  checkOptions(QUEUE_NAME, name, ['name']);
}

const isJobId = (id: unknown): boolean => Number.isSafeInteger(id) && (id as number) > 0;

/** @throws {InvalidOptionError} */
function checkJobId(id: unknown): void {
  if (!isJobId(id)) checkOptions(JOB_ID, id, ['id']);
}

const JOB_ID = aValue(isJobId, 'Give the number that add() returned as job.id.');
