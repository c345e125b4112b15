import type { JobState } from '../../protocol/job-state.ts';
import type { AddOptions } from '../../protocol/request-encoder.ts';
import type { SchedulerTick } from '../../protocol/scheduler.ts';
import { decodeData, decodeName, decodeValue } from '../payload.ts';
import { JOB_MISSING } from './bullmq-names.ts';
import { awaitFinished } from './finished-job.ts';
import { type ChangePriorityOptions, delayOf, type JobProgress, priorityOf, progressBytesOf } from './job-changes.ts';
import { type RemoveJobOptions, removesChildren } from './job-children.ts';
import type { JobCommands } from './job-commands.ts';
import type { JobEnding } from './job-ending.ts';
import { JobInFlow } from './job-in-flow.ts';
import { jsonOf } from './job-json.ts';
import { checkedLogRow, clearedRowsOf } from './job-logs.ts';
import { type JobOptions, jobOptionsOf } from './job-options.ts';
import { knownJobOptions } from './known-options.ts';
import { namedAs } from './named-as.ts';
import { addMissingNames, NotSupportedError } from './not-supported.ts';
import { checkQueueEvents, type QueueEvents } from './queue-events.ts';

/** The data of a job; bytes are decoded when first read. */
export interface JobSource<Data> {
  readonly id: number;
  readonly customId?: string | undefined;
  readonly deduplicationId?: string | undefined;
  readonly isDeduplicated?: boolean;
  readonly queueName: string;
  readonly commands: JobCommands;
  readonly timestamp: number;
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  /** All options; only add() knows them. */
  readonly added?: AddOptions;
  readonly priority?: number | undefined;
  readonly stalledCounter?: number;
  readonly tick?: SchedulerTick | undefined;
  readonly token?: number | undefined;
  readonly state?: JobState | undefined;
  /** 'unknown': the job has begun, and the cluster does not store when. */
  readonly processedOn?: number | 'unknown' | undefined;
  readonly finishedOn?: number | undefined;
  readonly failedReason?: string | undefined;
  readonly result?: Uint8Array | undefined;
  readonly progress?: Uint8Array | undefined;
  /** Of a worker that holds the job: what it changes counts only while the lease goes on. */
  readonly holder?: JobHolder | undefined;
  /** Name and data, encoded or as values. */
  readonly payload?: Uint8Array;
  readonly name?: string;
  readonly data?: Data;
}

/** The worker that holds a job. */
export interface JobHolder {
  /** The progress of one of its jobs is committed. */
  readonly onProgress: (job: Job, progress: JobProgress) => void;
  /** A transaction ended one of its jobs. */
  readonly onEnded: (job: Job, ending: JobEnding) => void;
}

/** The payload of a job that was removed meanwhile. */
export const NOTHING = new Uint8Array([0, 0, 0, 0, 0]);
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * One job as its user sees it: a snapshot of the moment it was read, not a live view. The names are BullMQ's. What BullMQ's class has and
 * this one lacks is an error in TypeScript, and a {@link NotSupportedError} at run time.
 */
export class Job<Data = unknown, Result = unknown> extends JobInFlow {
  /** The decimal form of a number from 1 on, unique in the cluster; or the option `jobId`, unique in the queue. */
  readonly id: string;
  readonly queueName: string;
  /** When the job was added, in wall-clock milliseconds: by the log, or by the client's own clock if add() returned it. */
  readonly timestamp: number;
  /** Attempts that ended; 0 while the first one runs. */
  attemptsMade: number;
  /** Times in a row that the job was begun and its lease expired, since an attempt ended; more than `maxStalledCount` fail it. */
  readonly stalledCounter: number;
  /**
   * The fencing token, if a worker holds the job. It grows with every claim, so a later holder's is always larger. Pass it along to fence
   * your own writes. The processor's second argument is its decimal form.
   */
  readonly token: number | undefined;
  /** Set only if getJob(), getJobs() or one of its like returned the job; {@link getState} reads the current one. */
  readonly state: JobState | undefined;
  /** When the job was completed or became a dead letter, in wall-clock milliseconds: by the log, or in a worker's events by its clock. */
  finishedOn: number | undefined;
  /** Why the latest failed attempt failed. */
  failedReason: string | undefined;
  /** The id of the job scheduler that added the job; undefined if none did, and for a job that add() returned. */
  readonly repeatJobKey: string | undefined;
  /** The time for which its scheduler scheduled it, in wall-clock milliseconds; `timestamp` is when it was added, which may be later. */
  readonly scheduledFor: number | undefined;
  readonly #id: number;
  readonly #commands: JobCommands;
  readonly #attemptsMax: number;
  #added: AddOptions | undefined;
  #priority: number | undefined;
  readonly #result: Uint8Array | undefined;
  readonly #payload: Uint8Array | undefined;
  readonly #holder: JobHolder | undefined;
  /** Of the lease under which it changes the job; 0 without one. The field `token` may be changed by its user. */
  readonly #leaseToken: number;
  #opts: JobOptions | undefined;
  #processedOn: number | 'unknown' | undefined;
  #name: string | undefined;
  #data: Data | undefined;
  #hasData: boolean;
  #returnvalue: Result | undefined;
  #hasReturnvalue = false;
  /** Encoded, or as it was set. */
  #progress: { readonly bytes: Uint8Array } | { readonly value: JobProgress } | undefined;

  static {
    addMissingNames(Job, 'Job', JOB_MISSING);
  }

  /** @internal jobs come from Queue and Worker. */
  constructor(source: JobSource<Data>) {
    super(source);
    this.id = source.customId ?? String(source.id);
    this.#id = source.id;
    this.queueName = source.queueName;
    this.#commands = source.commands;
    this.timestamp = source.timestamp;
    this.attemptsMade = source.attemptsMade;
    this.#attemptsMax = source.attemptsMax;
    this.#added = source.added;
    this.#priority = source.priority;
    this.stalledCounter = source.stalledCounter ?? 0;
    this.repeatJobKey = source.tick?.scheduler;
    this.scheduledFor = source.tick?.scheduledMs;
    this.token = source.token;
    this.state = source.state;
    this.#processedOn = source.processedOn;
    this.finishedOn = source.finishedOn;
    this.failedReason = source.failedReason;
    this.#result = source.result;
    this.#payload = source.payload;
    this.#holder = source.holder;
    this.#leaseToken = source.holder === undefined ? 0 : (source.token ?? 0);
    this.#progress = source.progress === undefined ? undefined : { bytes: source.progress };
    this.#name = source.name;
    this.#data = source.data;
    this.#hasData = source.payload === undefined;
  }

  /**
   * Of a job from add(): all options, with the defaults of the queue and of jobraft. Otherwise what the cluster sends: `attempts`, and
   * `priority` if getJob() returned the job; reading another one throws.
   * @throws {NotSupportedError} for the value of an option that is not known here
   */
  get opts(): JobOptions {
    this.#opts ??= this.#added === undefined ? knownJobOptions(this.#attemptsMax, this.#priority) : jobOptionsOf(this.#added);
    return this.#opts;
  }

  /** The option. @throws {NotSupportedError} for a job that a worker processes */
  get priority(): number {
    return this.opts.priority ?? 0;
  }

  /** The option. @throws {NotSupportedError} for a job that add() did not return */
  get delay(): number {
    return this.opts.delay ?? 0;
  }

  /**
   * When the processor was called for the current attempt, or the latest one, in milliseconds by the worker's wall clock; undefined before
   * the first one.
   * @throws {NotSupportedError} for a job from getJob() that has begun: the cluster does not store it
   */
  get processedOn(): number | undefined {
    if (this.#processedOn !== 'unknown') return this.#processedOn;
    throw new NotSupportedError(
      'Job.processedOn of a job that getJob() returned',
      'Record it in the processor or in an "active" listener: only the jobs of a worker have it.',
    );
  }

  get name(): string {
    this.#name ??= decodeName(this.#payload ?? NOTHING);
    return this.#name;
  }

  /** The JSON value or the bytes that the job was added with, or that {@link updateData} set; decoded when first read. */
  get data(): Data {
    if (!this.#hasData) {
      // The only casts: the queue's type parameters define the data of its jobs.
      this.#data = decodeData(this.#payload ?? NOTHING) as Data;
      this.#hasData = true;
    }
    return this.#data as Data;
  }

  /** What {@link updateProgress} set last, until the job was read or claimed or by this object; 0 without any. Decoded when first read. */
  get progress(): JobProgress {
    if (this.#progress === undefined) return 0;
    // The only cast: updateProgress() encodes nothing else.
    if ('bytes' in this.#progress) this.#progress = { value: decodeValue(this.#progress.bytes) as JobProgress };
    return this.#progress.value;
  }

  /** What the processor returned, once the job is completed. */
  get returnvalue(): Result | undefined {
    if (!this.#hasReturnvalue && this.#result !== undefined) {
      this.#returnvalue = decodeValue(this.#result) as Result;
      this.#hasReturnvalue = true;
    }
    return this.#returnvalue;
  }

  /**
   * A dead letter becomes waiting again, with all its attempts. This object does not change.
   * @throws {JobNotFoundError | JobStateError | NotSupportedError}
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async retry(state: 'failed' = 'failed', ...more: readonly never[]): Promise<void> {
    if (more.length > 0) throw new NotSupportedError('The options of Job.retry()', 'Leave them out: all attempts are available again.');
    if (state !== 'failed')
      throw new NotSupportedError(`Job.retry('${String(state)}')`, 'Only failed jobs can be retried; add the job again.');
    await this.#named(this.#commands.retry(this.#id));
  }

  /**
   * Removes the job, unless it is active, with all jobs below it.
   * @throws {JobNotFoundError | JobStateError} @throws {ChildActiveError} if one of those below it is active; nothing was removed
   * @throws {UnknownOptionError | InvalidOptionError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async remove(options?: RemoveJobOptions): Promise<void> {
    const { remove, removeAlone } = this.#commands;
    await this.#named((removesChildren(options) ? remove : removeAlone).call(this.#commands, this.#id));
  }

  /**
   * A delayed job becomes waiting now. This object does not change.
   * @throws {JobNotFoundError} if it was removed. @throws {JobStateError} if it is not delayed.
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async promote(): Promise<void> {
    await this.#named(this.#commands.promote(this.#id));
  }

  /**
   * A job that waits or is delayed gets another priority: within it, it has the place that its id gives it.
   * @throws {JobNotFoundError} if it was removed. @throws {JobStateError} if it is active or finished.
   * @throws {UnknownOptionError | InvalidOptionError | NotSupportedError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async changePriority(options: ChangePriorityOptions): Promise<void> {
    const priority = priorityOf(options);
    await this.#named(this.#commands.changePriority(this.#id, priority));
    this.#priority = priority;
    if (this.#added !== undefined) this.#added = { ...this.#added, priority };
    this.#opts = undefined;
  }

  /**
   * A delayed job becomes waiting this long after now, by the cluster's clock; 0 for at once.
   * @param delay in milliseconds.
   * @throws {JobNotFoundError} if it was removed. @throws {JobStateError} if it is not delayed.
   * @throws {InvalidOptionError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async changeDelay(delay: number): Promise<void> {
    const delayMs = delayOf(delay);
    await this.#named(this.#commands.changeDelay(this.#id, delayMs));
    if (this.#added !== undefined) this.#added = { ...this.#added, delayMs };
    this.#opts = undefined;
  }

  /**
   * Sets how far the job has come, in any state. Of a job that a worker processes, only while its lease goes on; the worker then emits
   * 'progress'. Of another one, always: it may overwrite what the worker sets.
   * @param progress at most 4 KiB as JSON.
   * @throws {LeaseLostError} if the worker's lease ended: another worker may hold the job. @throws {JobNotFoundError} if it was removed.
   * @throws {InvalidOptionError | InvalidPayloadError | ProgressTooLargeError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async updateProgress(progress: JobProgress): Promise<void> {
    await this.#named(this.#commands.updateProgress(this.#id, this.#leaseToken, progressBytesOf(progress)));
    this.#progress = { value: progress };
    this.#holder?.onProgress(this, progress);
  }

  /**
   * Replaces the data of the job, in any state; a later attempt gets them. Of a job that a worker processes, only while its lease goes on; of
   * another one always: it may overwrite what the worker sets.
   * @param data any JSON value, or a Uint8Array that is kept as raw bytes.
   * @throws {LeaseLostError} if the worker's lease ended: another worker may hold the job. @throws {JobNotFoundError} if it was removed.
   * @throws {InvalidPayloadError | PayloadTooLargeError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async updateData(data: Data): Promise<void> {
    await this.#named(this.#commands.updateData(this.#id, this.#leaseToken, this.name, data));
    this.#data = data;
    this.#hasData = true;
  }

  /**
   * Adds a row to the log of the job, in any state; `queue.getJobLogs()` reads it. Of a job that a worker processes, only while its lease goes
   * on. The oldest rows beyond the option `keepLogs` are dropped, and beyond 1,000 rows or 1 MiB (by 16 at a time).
   * @param row a text of at most 64 KiB.
   * @returns how many rows the job has.
   * @throws {LeaseLostError} if the worker's lease ended: another worker may hold the job. @throws {JobNotFoundError} if it was removed.
   * @throws {InvalidOptionError | LogRowTooLargeError} nothing was sent
   * @throws {DeadlineError | NoLeaderError | ClientClosedError} see the error's `outcome`
   */
  async log(row: string): Promise<number> {
    return await this.#named(this.#commands.addLog(this.#id, this.#leaseToken, checkedLogRow(row), 0));
  }

  /**
   * Drops the rows of the log of the job, in any state. @param keepLogs how many of the newest stay; none by default.
   * @throws {JobNotFoundError | InvalidOptionError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async clearLogs(keepLogs?: number): Promise<void> {
    await this.#named(this.#commands.clearLogs(this.#id, clearedRowsOf(keepLogs)));
  }

  /** The cluster's error names the job by its number. */
  async #named<Value>(call: Promise<Value>): Promise<Value> {
    return await namedAs(this.id, call);
  }

  /** The job's state now, by a linearizable read; 'unknown' if it was removed. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
  async getState(): Promise<JobState | 'unknown'> {
    return await this.#commands.stateOf(this.#id);
  }

  /**
   * Waits until the job has finished, in any process.
   * @param queueEvents of the job's queue.
   * @param ttl the longest time to wait, in milliseconds. Default: no limit.
   * @returns what the processor returned; at once if the job has finished already.
   * @throws {JobFailedError} if it failed for good. @throws {JobRemovedError} if it was removed, or is gone without a trace.
   * @throws {ResultNotKeptError} if its result is longer than 4 KiB, and the job is not kept. @throws {WaitTimeoutError} after `ttl`.
   * @throws {QueueEventsClosedError | InvalidOptionError | DeadlineError | NoLeaderError | ClientClosedError | ClusterClosedError}
   */
  async waitUntilFinished(queueEvents: QueueEvents, ttl?: number): Promise<Result> {
    checkQueueEvents(queueEvents, this.queueName, this.#commands.cluster);
    // The only cast: the queue's type parameters define the results of its jobs.
    return (await awaitFinished({ id: this.#id, shownId: this.id }, this.#commands, queueEvents, ttl)) as Result;
  }

  /**
   * The processor is about to be called. The functions of this kind are static, and without an assignment that may throw: the job's owner
   * may have frozen it, removed its prototype, or redefined its properties.
   * @internal
   */
  static recordStart(job: Job, processedOn: number): void {
    job.#processedOn = processedOn;
  }

  /** @internal how the cluster knows the job, and the token of the worker's lease; 0 without one. Undefined for what is no job. */
  static identityOf(job: unknown): { readonly id: number; readonly token: number; readonly cluster: unknown } | undefined {
    if (typeof job !== 'object' || job === null || !(#id in job)) return undefined;
    return { id: job.#id, token: job.#leaseToken, cluster: job.#commands.cluster };
  }

  /** @internal a transaction ended the job. */
  static recordEnding(job: Job, ending: JobEnding): void {
    job.#holder?.onEnded(job, ending);
  }

  /** @internal the end of the attempt is committed. */
  static recordCompletion<Value>(job: Job<unknown, Value>, attemptsMade: number, value: Value, finishedOn: number): void {
    job.#returnvalue = value;
    job.#hasReturnvalue = true;
    assign(job, 'attemptsMade', attemptsMade);
    assign(job, 'finishedOn', finishedOn);
  }

  /** @internal @param finishedOn undefined if the job will be tried again. */
  static recordFailure(job: Job, attemptsMade: number, reason: string, finishedOn: number | undefined): void {
    assign(job, 'attemptsMade', attemptsMade);
    assign(job, 'failedReason', reason);
    assign(job, 'finishedOn', finishedOn);
  }

  toJSON(): object {
    return jsonOf(this, this.#processedOn === 'unknown' ? undefined : this.#processedOn);
  }

  /** For console.log(): most of the fields are getters. */
  [INSPECT](_depth: number, options: object, inspect: (value: object, options: object) => string): string {
    return `Job ${inspect(this.toJSON(), options)}`;
  }
}

/** Without effect if the object does not allow it. Never throws. On the path of every job, where defining the property is slower. */
function assign<Name extends 'attemptsMade' | 'failedReason' | 'finishedOn'>(job: Job, name: Name, value: Job[Name]): void {
  try {
    job[name] = value;
  } catch {
    // The owner's change stays.
  }
}
