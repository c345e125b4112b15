import type { ClaimedJob } from '../../protocol/reply.ts';
import type { OperationSpan } from '../../tracing/span.ts';
import { Job } from '../api/job.ts';
import type { JobEnding } from '../api/job-ending.ts';

type Claim = Pick<ClaimedJob, 'id' | 'token' | 'attempt' | 'attemptsMax' | 'stalls' | 'isBegun'>;

/**
 * A job under this worker's lease, from the claim to the reply that ends it. The worker's own state of the job is kept here: the job
 * itself belongs to the user, who may freeze or change it.
 */
export class LeasedJob<Data, Result> {
  readonly job: Job<Data, Result>;
  readonly id: number;
  /** As its user knows it. */
  readonly shownId: string;
  readonly token: number;
  /** The number of this attempt, from 1 on. */
  readonly attempt: number;
  /** Times in a row that it was begun under a lease that then expired. */
  readonly stalls: number;
  /** The lease was granted or extended at this moment or later, on the monotonic clock. */
  extendedAtMs: number;
  /** Whether its claim began it. */
  readonly isBegun: boolean;
  /** Of its processor. */
  span: OperationSpan | undefined;
  #processedOn: number | undefined;
  /** It was ended or given back: it has no lease to lose. */
  isEnded = false;
  /** How a transaction of its processor ended it. */
  ending: JobEnding | undefined;
  readonly #attemptsMax: number;
  #lost: Error | undefined;
  #controller: AbortController | undefined;

  constructor(job: Job<Data, Result>, claimed: Claim, leasedFromMs: number) {
    this.job = job;
    this.id = claimed.id;
    this.shownId = job.id;
    this.token = claimed.token;
    this.attempt = claimed.attempt;
    this.#attemptsMax = claimed.attemptsMax;
    this.stalls = claimed.stalls;
    this.isBegun = claimed.isBegun;
    this.extendedAtMs = leasedFromMs;
  }

  /** When its processor was called, in wall-clock milliseconds. */
  get processedOn(): number | undefined {
    return this.#processedOn;
  }

  /** Its processor was called. */
  get hasStarted(): boolean {
    return this.#processedOn !== undefined;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Aborted when the lease is lost, or the worker is closed by force: then the result no longer counts. Created when first read. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#lost !== undefined) abort(this.#controller, this.#lost);
    }
    return this.#controller.signal;
  }

  lose(reason: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    if (this.#controller !== undefined) abort(this.#controller, reason);
  }

  /** Its processor is about to be called. @param wallMs the time of day; likewise below. */
  onStarted(wallMs: number): void {
    this.#processedOn = wallMs;
    Job.recordStart(this.job, wallMs);
  }

  /** The completion is committed. */
  onCompleted(result: Result, wallMs: number): void {
    Job.recordCompletion(this.job, this.attempt, result, wallMs);
  }

  /** The failure is committed. @param mayRetry whether the job is tried again if attempts are left. */
  onFailed(reason: string, mayRetry: boolean, wallMs: number): void {
    const isTriedAgain = mayRetry && this.attempt < this.#attemptsMax;
    Job.recordFailure(this.job, this.attempt, reason, isTriedAgain ? undefined : wallMs);
  }
}

/** A signal that its user froze or changed may not be abortable: then it stays as it is, and the worker goes on. */
function abort(controller: AbortController, reason: Error): void {
  try {
    controller.abort(reason);
  } catch {
    // Node.js keeps the signal's state in properties of the signal, which then cannot be set.
  }
}
