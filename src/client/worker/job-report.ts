import { REASON_BYTES_MAX } from '../../protocol/limits.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import { type OperationSpan, startSpan } from '../../tracing/span.ts';
import type { RepeatedOperation } from '../delivery/pending-operation.ts';
import { RequestRejectedError } from '../errors.ts';
import { isLeaseGone, unexpectedResult } from '../result-errors.ts';
import { describeThrown } from '../thrown.ts';
import type { LeasedJob } from './leased-job.ts';

/** In characters: any text of this length fits into the bytes that the queue stores. */
const REASON_LENGTH_MAX = Math.floor(REASON_BYTES_MAX / 3);

/** What is stored of an error. */
export const reasonOf = (error: Error): string => describeThrown(error).slice(0, REASON_LENGTH_MAX);

export interface ReportedFailure {
  readonly error: Error;
  /** The error as stored. */
  readonly reason: string;
  /** Whether the job may be tried again, if attempts are left. */
  readonly mayRetry: boolean;
}

/** How a worker handles the replies. */
export interface JobReportHandlers<Data, Result> {
  readonly queue: string;
  readonly leaseMs: number;
  /** Whether reports are repeated for as long as an outage takes. */
  outlivesOutage(): boolean;
  /** The report has a reply, or is given up; a more specific handler follows. */
  onReply(held: LeasedJob<Data, Result>): void;
  onCompleted(held: LeasedJob<Data, Result>, result: Result): void;
  onFailed(held: LeasedJob<Data, Result>, failure: ReportedFailure): void;
  onLost(held: LeasedJob<Data, Result>): void;
  /** The nodes allow results of fewer bytes than this client. */
  onTooLarge(held: LeasedJob<Data, Result>, error: Error): void;
  onError(error: Error): void;
}

const OPERATION_BYTES = 64;

/** Reports the outcome of a job to the cluster, until its lease may end. One object for each job: this is on the path of every job. */
abstract class JobReport<Data, Result> implements RepeatedOperation {
  readonly endsLease = true;
  /** Approximate size of its operation, in bytes. */
  abstract readonly bytes: number;
  protected readonly held: LeasedJob<Data, Result>;
  protected readonly handlers: JobReportHandlers<Data, Result>;
  readonly #span: OperationSpan | undefined;

  constructor(operation: 'complete' | 'fail', held: LeasedJob<Data, Result>, handlers: JobReportHandlers<Data, Result>) {
    this.held = held;
    this.handlers = handlers;
    this.#span = startSpan(operation, handlers.queue, held.shownId, held.span);
  }

  abstract write(encoder: RequestEncoder): void;
  protected abstract onReported(): void;
  protected abstract onRejected(error: Error): void;

  untilMs(): number {
    return this.held.extendedAtMs + this.handlers.leaseMs;
  }

  outlivesOutage(): boolean {
    return this.handlers.outlivesOutage();
  }

  onResult(result: OperationResult): void {
    if (result.ok) this.#span?.end();
    else this.#span?.fail(unexpectedResult(result));
    this.handlers.onReply(this.held);
    if (result.ok) this.onReported();
    else if (isLeaseGone(result.code)) this.handlers.onLost(this.held);
    else this.handlers.onError(unexpectedResult(result));
  }

  onError(error: Error): void {
    this.#span?.fail(error);
    this.handlers.onReply(this.held);
    this.onRejected(error);
  }
}

export class JobCompletion<Data, Result> extends JobReport<Data, Result> {
  readonly bytes: number;
  readonly #result: Result;
  readonly #payload: Uint8Array;

  /** @param payload the result as stored. */
  constructor(held: LeasedJob<Data, Result>, handlers: JobReportHandlers<Data, Result>, result: Result, payload: Uint8Array) {
    super('complete', held, handlers);
    this.bytes = OPERATION_BYTES + payload.length;
    this.#result = result;
    this.#payload = payload;
  }

  get thrown(): undefined {
    return undefined;
  }

  write(encoder: RequestEncoder): void {
    encoder.complete(this.held.id, this.held.token, this.#payload);
  }

  protected onReported(): void {
    this.handlers.onCompleted(this.held, this.#result);
  }

  protected onRejected(error: Error): void {
    if (error instanceof RequestRejectedError && error.code === 'TOO_LARGE') this.handlers.onTooLarge(this.held, error);
    else this.handlers.onError(error);
  }
}

export class JobFailure<Data, Result> extends JobReport<Data, Result> {
  readonly bytes: number;
  readonly #failure: ReportedFailure;

  constructor(held: LeasedJob<Data, Result>, handlers: JobReportHandlers<Data, Result>, failure: ReportedFailure) {
    super('fail', held, handlers);
    this.bytes = OPERATION_BYTES + failure.reason.length;
    this.#failure = failure;
  }

  get thrown(): Error {
    return this.#failure.error;
  }

  write(encoder: RequestEncoder): void {
    const { reason, mayRetry: retry } = this.#failure;
    encoder.command('fail', { jobId: this.held.id, token: this.held.token, reason, retry });
  }

  protected onReported(): void {
    this.handlers.onFailed(this.held, this.#failure);
  }

  protected onRejected(error: Error): void {
    this.handlers.onError(error);
  }
}
