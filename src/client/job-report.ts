import type { OperationResult } from '../queue/reply.ts';
import type { RequestEncoder } from '../queue/request.ts';
import type { KeptCall } from './call.ts';
import { RequestRefusedError } from './errors.ts';
import type { HeldJob } from './held-job.ts';
import { isLeaseGone, unexpected } from './refusal.ts';

/** What a worker does with the answers. */
export interface JobReportHandlers<Data, Result> {
  readonly leaseMs: number;
  /** Whether reports are repeated for as long as an outage takes. */
  outlivesOutage(): boolean;
  /** The report is answered, or given up; the others follow. */
  onAnswered(held: HeldJob<Data, Result>): void;
  onCompleted(held: HeldJob<Data, Result>, result: Result): void;
  onFailed(held: HeldJob<Data, Result>, error: Error, reason: string): void;
  onLost(held: HeldJob<Data, Result>): void;
  /** The nodes allow results of fewer bytes than this client. */
  onTooLarge(held: HeldJob<Data, Result>, error: Error): void;
  onError(error: Error): void;
}

const OPERATION_BYTES = 64;

/** Tells the cluster what came of a job, for as long as its lease may live. One object for each job: this is the path of every job. */
abstract class JobReport<Data, Result> implements KeptCall {
  readonly endsLease = true;
  /** About how large its operation is, in bytes. */
  abstract readonly bytes: number;
  protected readonly held: HeldJob<Data, Result>;
  protected readonly handlers: JobReportHandlers<Data, Result>;

  constructor(held: HeldJob<Data, Result>, handlers: JobReportHandlers<Data, Result>) {
    this.held = held;
    this.handlers = handlers;
  }

  abstract write(encoder: RequestEncoder): void;
  protected abstract onReported(): void;
  protected abstract onRefused(error: Error): void;

  untilMs(): number {
    return this.held.extendedAtMs + this.handlers.leaseMs;
  }

  outlivesOutage(): boolean {
    return this.handlers.outlivesOutage();
  }

  onResult(result: OperationResult): void {
    this.handlers.onAnswered(this.held);
    if (result.ok) this.onReported();
    else if (isLeaseGone(result.code)) this.handlers.onLost(this.held);
    else this.handlers.onError(unexpected(result));
  }

  onError(error: Error): void {
    this.handlers.onAnswered(this.held);
    this.onRefused(error);
  }
}

export class JobCompletion<Data, Result> extends JobReport<Data, Result> {
  readonly bytes: number;
  readonly #result: Result;
  readonly #content: Uint8Array;

  /** @param content the result as it is kept. */
  constructor(held: HeldJob<Data, Result>, handlers: JobReportHandlers<Data, Result>, result: Result, content: Uint8Array) {
    super(held, handlers);
    this.bytes = OPERATION_BYTES + content.length;
    this.#result = result;
    this.#content = content;
  }

  write(encoder: RequestEncoder): void {
    encoder.complete(this.held.id, this.held.token, this.#content);
  }

  protected onReported(): void {
    this.handlers.onCompleted(this.held, this.#result);
  }

  protected onRefused(error: Error): void {
    if (error instanceof RequestRefusedError && error.code === 'TOO_LARGE') this.handlers.onTooLarge(this.held, error);
    else this.handlers.onError(error);
  }
}

export class JobFailure<Data, Result> extends JobReport<Data, Result> {
  readonly bytes: number;
  readonly #error: Error;
  readonly #reason: string;
  readonly #mayRetry: boolean;

  /** @param reason the error as it is kept. @param mayRetry whether the job may be tried again, if attempts are left. */
  constructor(held: HeldJob<Data, Result>, handlers: JobReportHandlers<Data, Result>, error: Error, reason: string, mayRetry: boolean) {
    super(held, handlers);
    this.bytes = OPERATION_BYTES + reason.length;
    this.#error = error;
    this.#reason = reason;
    this.#mayRetry = mayRetry;
  }

  write(encoder: RequestEncoder): void {
    encoder.fail(this.held.id, this.held.token, this.#reason, this.#mayRetry);
  }

  protected onReported(): void {
    this.handlers.onFailed(this.held, this.#error, this.#reason);
  }

  protected onRefused(error: Error): void {
    this.handlers.onError(error);
  }
}
