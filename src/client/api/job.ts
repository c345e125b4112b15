import type { JobState } from '../../protocol/job-state.ts';
import type { ClaimedJob, JobDetail } from '../../protocol/reply.ts';
import { decodeData, decodeName, decodeValue } from '../payload.ts';

/** The data of a job; bytes are decoded when first read. */
interface JobSource<Data> {
  readonly id: number;
  readonly queueName: string;
  readonly addedAt: number;
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  readonly stalledCounter?: number;
  readonly token?: number | undefined;
  readonly state?: JobState | undefined;
  readonly finishedAt?: number | undefined;
  readonly failedReason?: string | undefined;
  readonly result?: Uint8Array | undefined;
  /** Name and data, encoded or as values. */
  readonly payload?: Uint8Array;
  readonly name?: string;
  readonly data?: Data;
}

const NOTHING = new Uint8Array([0, 0, 0, 0, 0]);

/** One job as its user sees it: a snapshot of the moment it was read, not a live view. */
export class Job<Data = unknown, Result = unknown> {
  readonly id: number;
  readonly queueName: string;
  /** When the job was added, in wall-clock milliseconds: by the log, or by the client's own clock if add() returned it. */
  readonly addedAt: number;
  /** Attempts that ended; 0 while the first one runs. */
  attemptsMade: number;
  readonly attemptsMax: number;
  /** Times in a row that the job was begun and its lease expired, since an attempt ended; more than `maxStalledCount` fail it. */
  readonly stalledCounter: number;
  /**
   * The fencing token, if a worker holds the job. It grows with every claim, so a later holder's is always larger. Pass it along to fence
   * your own writes.
   */
  readonly token: number | undefined;
  /** Set only if getJob() returned the job. */
  readonly state: JobState | undefined;
  readonly finishedAt: number | undefined;
  /** Why the latest failed attempt failed. */
  failedReason: string | undefined;
  readonly #result: Uint8Array | undefined;
  readonly #payload: Uint8Array | undefined;
  #name: string | undefined;
  #data: Data | undefined;
  #hasData: boolean;
  #returnvalue: Result | undefined;
  #hasReturnvalue = false;

  /** @internal jobs come from Queue and Worker. */
  constructor(source: JobSource<Data>) {
    this.id = source.id;
    this.queueName = source.queueName;
    this.addedAt = source.addedAt;
    this.attemptsMade = source.attemptsMade;
    this.attemptsMax = source.attemptsMax;
    this.stalledCounter = source.stalledCounter ?? 0;
    this.token = source.token;
    this.state = source.state;
    this.finishedAt = source.finishedAt;
    this.failedReason = source.failedReason;
    this.#result = source.result;
    this.#payload = source.payload;
    this.#name = source.name;
    this.#data = source.data;
    this.#hasData = source.payload === undefined;
  }

  get name(): string {
    this.#name ??= decodeName(this.#payload ?? NOTHING);
    return this.#name;
  }

  /** The JSON value or the bytes that the job was added with; decoded when first read. */
  get data(): Data {
    if (!this.#hasData) {
      // The only casts: the queue's type parameters define the data of its jobs.
      this.#data = decodeData(this.#payload ?? NOTHING) as Data;
      this.#hasData = true;
    }
    return this.#data as Data;
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
   * The end of the attempt is committed. Static, and without an assignment that may throw: the job's owner may have frozen it, removed
   * its prototype, or redefined its properties.
   * @internal
   */
  static recordCompletion<Value>(job: Job<unknown, Value>, attemptsMade: number, value: Value): void {
    job.#returnvalue = value;
    job.#hasReturnvalue = true;
    assign(job, 'attemptsMade', attemptsMade);
  }

  /** @internal */
  static recordFailure(job: Job, attemptsMade: number, reason: string): void {
    assign(job, 'attemptsMade', attemptsMade);
    assign(job, 'failedReason', reason);
  }

  toJSON(): object {
    const { id, queueName, name, data, addedAt, attemptsMade, attemptsMax, stalledCounter, state, returnvalue, failedReason } = this;
    return { id, queueName, name, data, addedAt, attemptsMade, attemptsMax, stalledCounter, state, returnvalue, failedReason };
  }
}

/** Without effect if the object does not allow it. Never throws. On the path of every job, where defining the property is slower. */
function assign<Name extends 'attemptsMade' | 'failedReason'>(job: Job, name: Name, value: Job[Name]): void {
  try {
    job[name] = value;
  } catch {
    // The owner's change stays.
  }
}

/** The job that add() returns: `addedAt` by the client's clock, and the same name and data objects. */
export const jobOfAdd = <Data, Result>(
  queueName: string,
  id: number,
  addedAt: number,
  attemptsMax: number,
  name: string,
  data: Data,
): Job<Data, Result> => new Job<Data, Result>({ id, queueName, addedAt, attemptsMade: 0, attemptsMax, name, data });

export const jobOfClaim = <Data, Result>(queueName: string, claimed: ClaimedJob): Job<Data, Result> =>
  new Job<Data, Result>({
    id: claimed.id,
    queueName,
    addedAt: claimed.addedMs,
    attemptsMade: claimed.attempt - 1,
    attemptsMax: claimed.attemptsMax,
    stalledCounter: claimed.stalls,
    token: claimed.token,
    payload: claimed.payload ?? NOTHING,
  });

export const jobOfDetail = <Data, Result>(detail: JobDetail): Job<Data, Result> =>
  new Job<Data, Result>({
    id: detail.id,
    queueName: detail.queue,
    addedAt: detail.addedMs,
    attemptsMade: detail.state === 'active' && detail.isBegun ? detail.attempt - 1 : detail.attempt,
    attemptsMax: detail.attemptsMax,
    stalledCounter: detail.stalls,
    token: detail.state === 'active' ? detail.token : undefined,
    state: detail.state,
    finishedAt: detail.finishedMs,
    failedReason: detail.failedReason,
    result: detail.result,
    payload: detail.payload ?? NOTHING,
  });
