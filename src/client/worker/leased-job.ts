import type { ClaimedJob } from '../../protocol/reply.ts';
import { Job } from '../api/job.ts';

/** The second argument of a processor. */
export interface JobContext {
  /** Aborted when the lease is lost, or the worker is closed by force: then the result no longer counts. */
  readonly signal: AbortSignal;
}

/** The processor's view of a held job: it cannot change the worker's state. */
class LeasedJobContext implements JobContext {
  readonly #held: LeasedJob<unknown, unknown>;

  constructor(held: LeasedJob<unknown, unknown>) {
    this.#held = held;
  }

  get signal(): AbortSignal {
    return this.#held.signal;
  }
}

/**
 * A job under this worker's lease, from the claim to the reply that ends it. The worker's own state of the job is kept here: the job
 * itself belongs to the user, who may freeze or change it.
 */
export class LeasedJob<Data, Result> {
  readonly job: Job<Data, Result>;
  readonly id: number;
  readonly token: number;
  /** The number of this attempt, from 1 on. */
  readonly attempt: number;
  /** Times in a row that it was begun under a lease that then expired. */
  readonly stalls: number;
  /** The lease was granted or extended at this moment or later, on the monotonic clock. */
  extendedAtMs: number;
  /** Whether its claim began it. */
  readonly isBegun: boolean;
  /** Its processor was called. */
  hasStarted = false;
  /** It was ended or given back: it has no lease to lose. */
  isEnded = false;
  #lost: Error | undefined;
  #controller: AbortController | undefined;

  constructor(job: Job<Data, Result>, claimed: Pick<ClaimedJob, 'id' | 'token' | 'attempt' | 'stalls' | 'isBegun'>, leasedFromMs: number) {
    this.job = job;
    this.id = claimed.id;
    this.token = claimed.token;
    this.attempt = claimed.attempt;
    this.stalls = claimed.stalls;
    this.isBegun = claimed.isBegun;
    this.extendedAtMs = leasedFromMs;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** The argument for the processor. */
  get context(): JobContext {
    return new LeasedJobContext(this);
  }

  /** Created when first read; most processors do not read it. */
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

  /** The completion is committed. */
  onCompleted(result: Result): void {
    Job.recordCompletion(this.job, this.attempt, result);
  }

  /** The failure is committed. */
  onFailed(reason: string): void {
    Job.recordFailure(this.job, this.attempt, reason);
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
