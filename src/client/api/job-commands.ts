import type { ReadConsistency } from '../../protocol/client-frame.ts';
import type { JobState } from '../../protocol/job-state.ts';
import type { JobDetail, OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { ClientClosedError } from '../errors.ts';
import { unexpectedResult } from '../result-errors.ts';

/** What a job can do by itself: the methods of Job call these. */
export interface JobCommands {
  /** A dead letter becomes waiting again. @throws {JobNotFoundError | JobStateError} */
  retry(id: number): Promise<void>;
  /** @throws {JobNotFoundError | JobStateError} */
  remove(id: number): Promise<void>;
  /** The state now; 'unknown' if the queue has no such job. */
  stateOf(id: number): Promise<JobState | 'unknown'>;
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

  async stateOf(id: number): Promise<JobState | 'unknown'> {
    return (await this.find(id, 'linearizable'))?.state ?? 'unknown';
  }

  /** @returns undefined if the queue has no such job. */
  async find(id: number, consistency: ReadConsistency): Promise<JobDetail | undefined> {
    const result = await this.query(consistency, (encoder) => encoder.command('getJob', { jobId: id }));
    if (result.ok && result.type === 'job') return result.job.queue === this.#queue ? result.job : undefined;
    if (!result.ok && result.code === 'JOB_NOT_FOUND') return undefined;
    throw unexpectedResult(result);
  }

  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void): Promise<OperationResult> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) throw new ClientClosedError();
      this.#dispatcher.query(consistency, write, { onResult: resolve, onError: reject });
    });
  }

  async command(write: (encoder: RequestEncoder) => void): Promise<void> {
    const result = await new Promise<OperationResult>((resolve, reject) => {
      if (this.#isClosed) throw new ClientClosedError();
      write(this.#dispatcher.open(OPERATION_BYTES));
      this.#dispatcher.commit({ onResult: resolve, onError: reject });
    });
    if (!result.ok || result.type !== 'done') throw unexpectedResult(result);
  }
}
