import { REASON_BYTES_MAX, TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX } from '../../protocol/limits.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import { encodeTransaction } from '../../protocol/transaction.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { InvalidOptionError, isUnrecoverable, JobNotFoundError, LeaseLostError } from '../errors.ts';
import { aBoolean, checkOptions, optionsOf } from '../option-check.ts';
import { encodePayload, encodeValue } from '../payload.ts';
import { errorOfResult, unexpectedResult } from '../result-errors.ts';
import { PayloadTooLargeError } from '../size-errors.ts';
import { describeThrown } from '../thrown.ts';
import { TransactionError, TransactionTooLargeError } from '../transaction-errors.ts';
import type { Client } from './client.ts';
import { checkNotDeduplicated, NOT_IN_TRANSACTION } from './deduplication-options.ts';
import { Job } from './job.ts';
import { type ChangePriorityOptions, delayOf, type JobProgress, priorityOf, progressBytesOf } from './job-changes.ts';
import type { JobEnding } from './job-ending.ts';
import { checkedLogRow, clearedRowsOf, keptRowsOf } from './job-logs.ts';
import { jobOfAdd } from './job-of.ts';
import { addOptionsOf, type JobOptions } from './job-options.ts';
import { LoggedQueue } from './logged-queue.ts';
import type { Queue } from './queue.ts';

/** An operation of a transaction that is not sent yet. @typeParam Value what the transaction returns for it. */
export interface TransactionStep<Value> {
  /** @internal */
  readonly what: string;
  /** @internal the number of the job that it names. */
  readonly jobId: number | undefined;
  /** @internal as its user knows it. */
  readonly shownId: string | undefined;
  /** @internal */
  readonly write: (encoder: RequestEncoder) => void;
  /** @internal its result, once it took effect. */
  readonly valueIn: (result: OperationResult) => Value;
}

export type TransactionSteps = readonly TransactionStep<unknown>[];
/** What a transaction returns: the value of each of its operations, in their order. */
export type TransactionValues<Steps extends TransactionSteps> = {
  -readonly [At in keyof Steps]: Steps[At] extends TransactionStep<infer Value> ? Value : never;
};

export interface FailOptions {
  /** `false`: the job becomes a dead letter, also if it has attempts left. Default `true`, but `false` for an UnrecoverableError. */
  readonly retry?: boolean;
}

/** Writes an operation that names a job. @param token of the lease under which it is known; 0 without one. */
type WriteOfJob = (encoder: RequestEncoder, named: { readonly queue: string; readonly jobId: number }, token: number) => void;

const OTHER_CLUSTER = 'A transaction is one entry of the log of one cluster: call transaction() of the other one.';
const OPERATION_REMEDY =
  'Give what a method of tx returned: [tx.add(queue, name, data), tx.remove(job)]. Spread lists, and leave out what is not to be done: [...list, ...(isDone ? [tx.remove(job)] : [])].';
const FAIL = optionsOf({ retry: aBoolean.optional() });
/** In characters: any text of this length fits into the bytes that the queue stores. */
const REASON_LENGTH_MAX = Math.floor(REASON_BYTES_MAX / 3);

/**
 * What one transaction does: each method returns one operation of it. The jobs are those of any queue and worker of the cluster. A `Job`
 * that is passed in does not change, but a worker whose processor ends its own job so does not end it a second time.
 */
export class Transaction {
  readonly #client: Client;
  readonly #made = new Set<unknown>();

  /** @internal */
  constructor(client: Client) {
    this.#client = client;
  }

  /** @internal whether it is an operation of this transaction. */
  has(step: unknown): boolean {
    return this.#made.has(step);
  }

  /** As `queue.add()`: if the queue has a job with the option `jobId`, nothing is added, and the value has the id of that one. */
  add<Data, Result>(
    queue: Queue<Data, Result>,
    name: string,
    data: Data,
    options?: Omit<JobOptions, 'deduplication'>,
  ): TransactionStep<Job<Data, Result>> {
    const { commands, defaults } = this.#partsOf(queue);
    const added = addOptionsOf(options, defaults);
    checkNotDeduplicated(added, 'deduplication', NOT_IN_TRANSACTION);
    // A copy: payloads share one buffer.
    const payload = encodePayload(name, data, this.#config.payloadBytesMax).slice();
    return this.#register({
      what: 'add',
      jobId: undefined,
      shownId: undefined,
      write: (encoder) => encoder.add(queue.name, payload, added),
      valueIn: (result) => {
        if (!result.ok || result.type !== 'added') throw unexpectedResult(result);
        return jobOfAdd<Data, Result>(queue.name, commands, result.id, this.#client.clock.wallMs(), added, name, data);
      },
    });
  }

  /**
   * Completes the job that this processor was called with; the worker then emits 'completed', and what the processor returns counts no more.
   * @param result what `job.returnvalue` is.
   */
  complete<Result>(job: Job<unknown, Result>, result?: NoInfer<Result>): TransactionStep<void> {
    const bytes = encodeValue(result);
    const { payloadBytesMax } = this.#config;
    if (bytes.length > payloadBytesMax) throw new PayloadTooLargeError(bytes.length, payloadBytesMax);
    return this.#ending(job, 'complete', (encoder, id, token) => encoder.complete(id, token, bytes), { type: 'completed', result });
  }

  /** Ends the attempt of the job that this processor was called with, as an error that it throws. The worker then emits 'failed'. */
  fail(job: Job, error: Error | string, options: FailOptions = {}): TransactionStep<void> {
    checkOptions(FAIL, options);
    const failure = typeof error === 'string' ? new Error(error) : error;
    const { retry = !isUnrecoverable(failure) } = options;
    const reason = describeThrown(failure).slice(0, REASON_LENGTH_MAX);
    const write = (encoder: RequestEncoder, jobId: number, token: number) => encoder.command('fail', { jobId, token, reason, retry });
    return this.#ending(job, 'fail', write, { type: 'failed', error: failure, reason, mayRetry: retry });
  }

  /** Gives the job back that this processor was called with; the attempt does not count. */
  release(job: Job): TransactionStep<void> {
    return this.#ending(job, 'release', (encoder, jobId, token) => encoder.command('release', { jobId, token }), { type: 'released' });
  }

  /** As `job.remove()`. */
  remove(job: Job): TransactionStep<void> {
    return this.#changing(job, 'remove', (encoder, named) => encoder.command('remove', named));
  }

  /** As `job.promote()`. */
  promote(job: Job): TransactionStep<void> {
    return this.#changing(job, 'promote', (encoder, named) => encoder.command('promote', named));
  }

  /** As `job.changePriority()`. */
  changePriority(job: Job, options: ChangePriorityOptions): TransactionStep<void> {
    const priority = priorityOf(options);
    return this.#changing(job, 'changePriority', (encoder, named) => encoder.command('changePriority', { ...named, priority }));
  }

  /** As `job.changeDelay()`. */
  changeDelay(job: Job, delay: number): TransactionStep<void> {
    const delayMs = delayOf(delay);
    return this.#changing(job, 'changeDelay', (encoder, named) => encoder.command('changeDelay', { ...named, delayMs }));
  }

  /** As `job.updateProgress()`, without the event of the worker. */
  updateProgress(job: Job, progress: JobProgress): TransactionStep<void> {
    const payload = progressBytesOf(progress);
    return this.#changing(job, 'updateProgress', (encoder, named, token) =>
      encoder.command('updateProgress', { ...named, token, payload }),
    );
  }

  /** As `job.updateData()`. */
  updateData<Data>(job: Job<Data>, data: NoInfer<Data>): TransactionStep<void> {
    this.#identityOf(job, 'updateData');
    const payload = encodePayload(job.name, data, this.#config.payloadBytesMax).slice();
    return this.#changing(job, 'updateData', (encoder, named, token) => encoder.command('updateData', { ...named, token, payload }));
  }

  /** As `job.log()`. Its value is how many rows the job has. */
  log(job: Job, row: string, keepLogs?: number): TransactionStep<number> {
    const checked = checkedLogRow(row);
    const keepMax = keptRowsOf(keepLogs);
    return this.#of(
      job,
      'log',
      (encoder, named, token) => encoder.command('addLog', { ...named, token, keepMax, row: checked }),
      (result) => {
        if (result.ok && result.type === 'logged') return result.rows;
        throw unexpectedResult(result);
      },
    );
  }

  /** As `job.clearLogs()`. */
  clearLogs(job: Job, keepLogs?: number): TransactionStep<void> {
    const keepMax = clearedRowsOf(keepLogs);
    return this.#changing(job, 'clearLogs', (encoder, named) => encoder.command('clearLogs', { ...named, keepMax }));
  }

  get #config(): Dispatcher['config'] {
    return this.#client.dispatcher.config;
  }

  /** An operation under the lease of a worker. */
  #ending(
    job: Job,
    what: string,
    write: (encoder: RequestEncoder, id: number, token: number) => void,
    how: JobEnding,
  ): TransactionStep<void> {
    const { id, token } = this.#identityOf(job, what);
    if (token === 0)
      throw new InvalidOptionError('job', job.id, `Only a worker can ${what} a job: give the job that its processor was called with.`);
    return this.#register({
      ...{ what, jobId: id, shownId: job.id, write: (encoder: RequestEncoder) => write(encoder, id, token) },
      valueIn: (result) => {
        done(result);
        Job.recordEnding(job, how);
      },
    });
  }

  #changing(job: Job, what: string, write: WriteOfJob): TransactionStep<void> {
    return this.#of(job, what, write, done);
  }

  #of<Value>(job: Job, what: string, write: WriteOfJob, valueIn: (result: OperationResult) => Value): TransactionStep<Value> {
    const { id, token } = this.#identityOf(job, what);
    const named = { queue: job.queueName, jobId: id };
    return this.#register({ what, jobId: id, shownId: job.id, write: (encoder) => write(encoder, named, token), valueIn });
  }

  #register<Value>(step: TransactionStep<Value>): TransactionStep<Value> {
    this.#made.add(step);
    return step;
  }

  /** @throws {InvalidOptionError} unless it is a job of this cluster. */
  #identityOf(job: Job, what: string): { readonly id: number; readonly token: number } {
    const found = Job.identityOf(job);
    if (found === undefined) throw this.#invalid('job', job, `Give a Job to tx.${what}(), as queue.add() and queue.getJob() return it.`);
    if (found.cluster !== this.#cluster) throw this.#invalid('job', job.id, `Its cluster is not that of the transaction. ${OTHER_CLUSTER}`);
    return found;
  }

  /** @throws {InvalidOptionError} unless it is a queue of this cluster. */
  #partsOf(queue: Pick<Queue, 'name'>): ReturnType<typeof LoggedQueue.partsOf> & object {
    const parts = LoggedQueue.partsOf(queue);
    if (parts === undefined) throw this.#invalid('queue', queue, 'Give a Queue: tx.add(queue, name, data).');
    if (parts.commands.cluster !== this.#cluster)
      throw this.#invalid('queue', queue.name, `Its cluster is not that of the transaction. ${OTHER_CLUSTER}`);
    return parts;
  }

  get #cluster(): unknown {
    return this.#client.dispatcher.reachability.cluster;
  }

  /** The next operation is invalid. */
  #invalid(argument: string, value: unknown, remedy: string): InvalidOptionError {
    return new InvalidOptionError(`operations[${this.#made.size}].${argument}`, value, remedy);
  }
}

function done(result: OperationResult): void {
  if (!result.ok || result.type !== 'done') throw unexpectedResult(result);
}

/** Sends a transaction, in one entry of the log. See `Cluster.transaction`. */
export async function sendTransaction<const Steps extends TransactionSteps>(
  client: Client,
  build: (tx: Transaction) => Steps,
): Promise<TransactionValues<Steps>> {
  const tx = new Transaction(client);
  const steps = build(tx);
  if (!Array.isArray(steps))
    throw new InvalidOptionError('build', steps, 'Return a list of operations: cluster.transaction((tx) => [tx.add(…), tx.complete(…)]).');
  // Not forEach: it passes over places that are not set.
  for (const [at, step] of steps.entries()) if (!tx.has(step)) throw new InvalidOptionError(`operations[${at}]`, step, OPERATION_REMEDY);
  checkNamedOnce(steps);
  // The only cast: no operation has no value.
  if (steps.length === 0) return [] as unknown as TransactionValues<Steps>;
  if (steps.length > TRANSACTION_OPERATIONS_MAX) throw new TransactionTooLargeError(steps.length);
  const payload = encodeTransaction((encoder) => {
    for (const { write } of steps) write(encoder);
  });
  if (payload.length > TRANSACTION_BYTES_MAX) throw new TransactionTooLargeError(steps.length, payload.length);
  return await new Promise((resolve, reject) => {
    client.dispatcher.open(payload.length).command('transact', { payload });
    client.dispatcher.commit({
      // At once: a reply behind this one may be to an extension of a lease that the transaction ended.
      onResult: (result) => {
        try {
          resolve(valuesOf(steps, result));
        } catch (error) {
          reject(error);
        }
      },
      onError: reject,
    });
  });
}

function checkNamedOnce(steps: TransactionSteps): void {
  const named = new Set<number>();
  for (const { jobId, shownId } of steps) {
    if (jobId === undefined) continue;
    if (named.has(jobId)) throw new InvalidOptionError('job', shownId, 'Name each job once in a transaction, or send another one.');
    named.add(jobId);
  }
}

/** @throws {TransactionError} */
function valuesOf<Steps extends TransactionSteps>(steps: Steps, result: OperationResult): TransactionValues<Steps> {
  if (result.ok && result.type === 'transacted') {
    const values = steps.map(({ valueIn }, at) => valueIn(result.results[at] as OperationResult));
    // The only cast: each value is that of its step.
    return values as unknown as TransactionValues<Steps>;
  }
  if (result.ok || result.operation === undefined) throw unexpectedResult(result);
  const { what = 'unknown', shownId = '' } = steps[result.operation] ?? {};
  const error = errorOfResult(result);
  // The cluster names the job by its number.
  if (error instanceof JobNotFoundError) throw new TransactionError(result.operation, what, new JobNotFoundError(shownId));
  throw new TransactionError(result.operation, what, error instanceof LeaseLostError ? new LeaseLostError(shownId) : error);
}
