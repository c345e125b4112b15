import type { ReadConsistency } from '../../protocol/client-frame.ts';
import { CHILD_STATUSES, type ChildEntry, type ChildStatusName } from '../../protocol/flow.ts';
import { type JobCounts, type JobState, type QueueCounts, StateCode } from '../../protocol/job-state.ts';
import type { JobDetail, OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { ClientClosedError, JobNotFoundError, RequestRejectedError } from '../errors.ts';
import { encodePayload } from '../payload.ts';
import { unexpectedResult } from '../result-errors.ts';
import type { JobIdentity } from './job-id.ts';

/** A page of the children of one status. */
export interface ChildrenPage {
  readonly unprocessed: number;
  readonly processed: number;
  readonly failed: number;
  readonly ignored: number;
  readonly isOver: boolean;
  readonly last: number;
  readonly children: readonly ChildEntry[];
}

/** What a job can do by itself: the methods of Job call these. */
export interface JobCommands {
  /** What identifies the cluster of the job. */
  readonly cluster: unknown;
  /** A dead letter becomes waiting again. @throws {JobNotFoundError | JobStateError} */
  retry(id: number): Promise<void>;
  /** With all below it. @throws {JobNotFoundError | JobStateError | ChildActiveError} */
  remove(id: number): Promise<void>;
  /** Without its children. @throws {JobNotFoundError | JobStateError} */
  removeAlone(id: number): Promise<void>;
  /** The children that have not ended and are not active, and theirs. @throws {JobNotFoundError} */
  removeUnprocessed(id: number): Promise<void>;
  /** @returns whether it had a parent. @throws {JobNotFoundError} */
  removeDependency(id: number): Promise<boolean>;
  /** Children of a status with ids above `after`. @throws {JobNotFoundError} */
  children(id: number, status: ChildStatusName, hasValues: boolean, after: number, countMax: number): Promise<ChildrenPage>;
  /** A delayed job becomes waiting now. @throws {JobNotFoundError | JobStateError} */
  promote(id: number): Promise<void>;
  /** A job that waits or is delayed gets another priority. @throws {JobNotFoundError | JobStateError} */
  changePriority(id: number, priority: number): Promise<void>;
  /** A delayed job becomes waiting this long after now. @throws {JobNotFoundError | JobStateError} */
  changeDelay(id: number, delayMs: number): Promise<void>;
  /** @param token of the lease under which it is set; 0 for none. @throws {JobNotFoundError | LeaseLostError} */
  updateProgress(id: number, token: number, progress: Uint8Array): Promise<void>;
  /**
   * @param token of the lease under which they are replaced; 0 for none.
   * @throws {JobNotFoundError | LeaseLostError | InvalidPayloadError | PayloadTooLargeError}
   */
  updateData(id: number, token: number, name: string, data: unknown): Promise<void>;
  /** Sets a deduplication id free. @param jobId of the job that has taken it; 0 for any. @returns whether it was taken. */
  removeDeduplication(jobId: number, deduplicationId: string): Promise<boolean>;
  /** The job now; undefined if the queue has none of this number. */
  detailOf(id: number): Promise<JobDetail | undefined>;
  /**
   * @param token of the lease under which the row is added; 0 for none. @param keepMax how many rows stay; 0 for as many as its options say.
   * @returns how many rows the job has. @throws {JobNotFoundError | LeaseLostError}
   */
  addLog(id: number, token: number, row: string, keepMax: number): Promise<number>;
  /** @param keepMax how many of the newest rows stay. @throws {JobNotFoundError} */
  clearLogs(id: number, keepMax: number): Promise<void>;
  /** The state now; 'unknown' if the queue has no such job. */
  stateOf(id: JobIdentity): Promise<JobState | 'unknown'>;
}

const OPERATION_BYTES = 64;

/** The calls of one queue beside adds and claims. Used by a Queue or a Worker, and by the jobs that come from it. */
export class QueueCommands implements JobCommands {
  readonly #queue: string;
  readonly #dispatcher: Dispatcher;
  #isClosed = false;

  constructor(queue: string, dispatcher: Dispatcher) {
    this.#queue = queue;
    this.#dispatcher = dispatcher;
  }

  /** The name of the queue. */
  get queue(): string {
    return this.#queue;
  }

  get cluster(): unknown {
    return this.#dispatcher.reachability.cluster;
  }

  /** All later calls are rejected. */
  close(): void {
    this.#isClosed = true;
  }

  async retry(id: number): Promise<void> {
    await this.command((encoder) => encoder.command('retry', { queue: this.#queue, jobId: id }));
  }

  async remove(id: number): Promise<void> {
    await this.command((encoder) => encoder.command('remove', { queue: this.#queue, jobId: id }));
  }

  async removeAlone(id: number): Promise<void> {
    await this.command((encoder) => encoder.command('removeAlone', { queue: this.#queue, jobId: id }));
  }

  async removeUnprocessed(id: number): Promise<void> {
    await this.command((encoder) => encoder.command('removeUnprocessed', { queue: this.#queue, jobId: id }));
  }

  async removeDependency(id: number): Promise<boolean> {
    const result = await this.send((encoder) => encoder.command('removeDependency', { queue: this.#queue, jobId: id }));
    if (result.ok && result.type === 'detached') return result.wasChild;
    throw unexpectedResult(result);
  }

  async children(jobId: number, status: ChildStatusName, hasValues: boolean, after: number, countMax: number): Promise<ChildrenPage> {
    const asked = { queue: this.#queue, jobId, status: CHILD_STATUSES.indexOf(status), hasValues, after, countMax };
    const result = await this.query('linearizable', (encoder) => encoder.command('children', asked));
    if (result.ok && result.type === 'children') return result;
    throw unexpectedResult(result);
  }

  async promote(id: number): Promise<void> {
    await this.command((encoder) => encoder.command('promote', { queue: this.#queue, jobId: id }));
  }

  async changePriority(id: number, priority: number): Promise<void> {
    await this.command((encoder) => encoder.command('changePriority', { queue: this.#queue, jobId: id, priority }));
  }

  async changeDelay(id: number, delayMs: number): Promise<void> {
    await this.command((encoder) => encoder.command('changeDelay', { queue: this.#queue, jobId: id, delayMs }));
  }

  async updateProgress(id: number, token: number, payload: Uint8Array): Promise<void> {
    await this.command((encoder) => encoder.command('updateProgress', { queue: this.#queue, jobId: id, token, payload }), payload.length);
  }

  async updateData(id: number, token: number, name: string, data: unknown): Promise<void> {
    // Written before the next payload is encoded, into the same memory.
    const payload = encodePayload(name, data, this.#dispatcher.config.payloadBytesMax);
    await this.command((encoder) => encoder.command('updateData', { queue: this.#queue, jobId: id, token, payload }), payload.length);
  }

  async detailOf(id: number): Promise<JobDetail | undefined> {
    return await this.find(id, 'linearizable');
  }

  async addLog(jobId: number, token: number, row: string, keepMax: number): Promise<number> {
    const args = { queue: this.#queue, jobId, token, keepMax, row };
    const result = await this.send((encoder) => encoder.command('addLog', args), row.length);
    if (result.ok && result.type === 'logged') return result.rows;
    throw unexpectedResult(result);
  }

  async clearLogs(jobId: number, keepMax: number): Promise<void> {
    await this.command((encoder) => encoder.command('clearLogs', { queue: this.#queue, jobId, keepMax }));
  }

  async stateOf(id: JobIdentity): Promise<JobState | 'unknown'> {
    return (await this.find(id, 'linearizable'))?.state ?? 'unknown';
  }

  /** @returns undefined if the queue has no such job. */
  async find(id: JobIdentity, consistency: ReadConsistency): Promise<JobDetail | undefined> {
    const result = await this.query(consistency, (encoder) => {
      if (typeof id === 'number') encoder.command('getJob', { jobId: id });
      else encoder.command('findJob', { queue: this.#queue, customId: id });
    });
    if (result.ok && result.type === 'job') return result.job.queue === this.#queue ? result.job : undefined;
    if (!result.ok && result.code === 'JOB_NOT_FOUND') return undefined;
    throw unexpectedResult(result);
  }

  /** The number of a job. @throws {JobNotFoundError} if the queue has none with this custom id. */
  async numberOf(id: JobIdentity): Promise<number> {
    if (typeof id === 'number') return id;
    const job = await this.find(id, 'linearizable');
    if (job === undefined) throw new JobNotFoundError(id);
    return job.id;
  }

  /** How many jobs are in each state. */
  async counts(consistency: ReadConsistency): Promise<QueueCounts> {
    const result = await this.query(consistency, (encoder) => encoder.command('stateCounts', { queue: this.#queue })).catch((error) => {
      // A node of an earlier release: it has no flows.
      if (error instanceof RequestRejectedError && error.code === 'INVALID_REQUEST') return undefined;
      throw error;
    });
    if (result === undefined) return { ...(await this.#earlierCounts(consistency)), 'waiting-children': 0 };
    if (!result.ok || result.type !== 'stateCounts') throw unexpectedResult(result);
    const { delayed, waiting, active, completed, failed, waitingChildren } = result;
    return { delayed, waiting, active, completed, failed, 'waiting-children': waitingChildren };
  }

  async #earlierCounts(consistency: ReadConsistency): Promise<JobCounts> {
    const result = await this.query(consistency, (encoder) => encoder.command('counts', { queue: this.#queue }));
    if (result.ok && result.type === 'counts') return result.counts;
    throw unexpectedResult(result);
  }

  async removeDeduplication(holderJobId: number, deduplicationId: string): Promise<boolean> {
    const bytes = 3 * deduplicationId.length;
    const args = { queue: this.#queue, holderJobId, deduplicationId };
    const result = await this.send((encoder) => encoder.command('removeDeduplication', args), bytes);
    if (result.ok && result.type === 'deduplicationRemoved') return result.isRemoved;
    throw unexpectedResult(result);
  }

  /** The id of the job that has taken a deduplication id; undefined if none has. */
  async deduplicationJob(deduplicationId: string, consistency: ReadConsistency): Promise<string | undefined> {
    const args = { queue: this.#queue, deduplicationId };
    const result = await this.query(consistency, (encoder) => encoder.command('getDeduplicationJob', args));
    if (!result.ok || result.type !== 'deduplicationJob') throw unexpectedResult(result);
    if (result.id === 0) return undefined;
    return result.customId === '' ? String(result.id) : result.customId;
  }

  /** How many jobs may be active; 0 for any number. */
  async concurrency(consistency: ReadConsistency): Promise<number> {
    const result = await this.query(consistency, (encoder) => encoder.command('concurrency', { queue: this.#queue }));
    if (result.ok && result.type === 'concurrency') return result.concurrencyMax;
    throw unexpectedResult(result);
  }

  /** How many jobs claims take within `durationMs`; undefined if there is no limit. */
  async rateLimit(consistency: ReadConsistency): Promise<{ readonly max: number; readonly durationMs: number } | undefined> {
    const result = await this.query(consistency, (encoder) => encoder.command('rateLimit', { queue: this.#queue }));
    if (!result.ok || result.type !== 'rateLimit') throw unexpectedResult(result);
    return result.rateMax === 0 ? undefined : { max: result.rateMax, durationMs: result.rateMs };
  }

  /** For how many ms claims take nothing because of a rate, by the log's clock. @param takenMin as if the limit were this number, unless it is 0. */
  async rateLimitTtl(takenMin: number): Promise<number> {
    // Through the log: a query knows the time of the latest entry only.
    const result = await this.send((encoder) => encoder.command('rateLimitTtl', { queue: this.#queue, takenMin }));
    if (result.ok && result.type === 'rateLimitTtl') return result.ttlMs;
    throw unexpectedResult(result);
  }

  /** Whether a time of a rate ran, or one without jobs, when the latest entry was written. */
  async isTimed(): Promise<boolean> {
    return (await this.heldMs(1)) > 0;
  }

  /** For how many ms claims take nothing because of a rate, by the time of the latest entry. @param takenMin see the command `rateLimitTtl`. */
  async heldMs(takenMin = 0): Promise<number> {
    const result = await this.query('linearizable', (encoder) => encoder.command('rateLimitTtl', { queue: this.#queue, takenMin }));
    if (result.ok && result.type === 'rateLimitTtl') return result.ttlMs;
    throw unexpectedResult(result);
  }

  /** Removes a job in this state that was added, or finished if it is, at least `graceMs` ago. @returns its id; undefined if it is no such job. */
  async clean(id: number, state: keyof JobCounts, graceMs: number): Promise<string | undefined> {
    const result = await this.tried((encoder) =>
      encoder.command('clean', { queue: this.#queue, jobId: id, state: StateCode[state], graceMs }),
    );
    if (result === undefined) return undefined;
    if (!result.ok || result.type !== 'removed') throw unexpectedResult(result);
    return result.customId === '' ? String(id) : result.customId;
  }

  /** Takes a job from its worker, whose report is then rejected. Without effect if no worker has it. */
  async endLease(id: number): Promise<void> {
    const job = await this.find(id, 'linearizable');
    if (job?.state === 'active') await this.tried((encoder) => encoder.command('release', { jobId: id, token: job.token }));
  }

  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void): Promise<OperationResult> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new ClientClosedError();
      this.#dispatcher.query(consistency, write, { onResult: resolve, onError: reject });
    });
  }

  /** @param bytes of what it carries. */
  async command(write: (encoder: RequestEncoder) => void, bytes = 0): Promise<void> {
    const result = await this.send(write, bytes);
    if (!result.ok || result.type !== 'done') throw unexpectedResult(result);
  }

  /** A command on a job that may be gone, or in another state, by then. @returns its result; undefined if it had no effect. */
  async tried(write: (encoder: RequestEncoder) => void): Promise<OperationResult | undefined> {
    const result = await this.send(write);
    if (!result.ok && (result.code === 'JOB_NOT_FOUND' || result.code === 'JOB_STATE' || result.code === 'LEASE_LOST')) return undefined;
    if (!result.ok) throw unexpectedResult(result);
    return result;
  }

  /** @param bytes of what it carries. */
  send(write: (encoder: RequestEncoder) => void, bytes = 0): Promise<OperationResult> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new ClientClosedError();
      write(this.#dispatcher.open(OPERATION_BYTES + bytes));
      this.#dispatcher.commit({ onResult: resolve, onError: reject });
    });
  }
}
