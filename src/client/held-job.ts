import type { ClaimedJob } from '../queue/reply.ts';
import type { Job } from './job.ts';

/** What a processor gets beside the job. */
export interface JobContext {
  /** Aborted when the lease is lost, or the worker is closed by force: then the result no longer counts. */
  readonly signal: AbortSignal;
}

/** A job under this worker's lease, from the claim to the answer that ends it. */
export class HeldJob<Data, Result> implements JobContext {
  readonly job: Job<Data, Result>;
  /** These are the cluster's; what the job says of itself can be changed by the processor. */
  readonly id: number;
  readonly token: number;
  /** How often in a row it was begun under a lease that then ended. */
  readonly stalls: number;
  /** The lease was given or extended at this moment or later, on the monotonic clock. */
  extendedAtMs: number;
  /** Whether its claim began it. */
  readonly isBegun: boolean;
  /** Its processor was called. */
  hasStarted = false;
  /** It was ended or given back: it has no lease to lose any more. */
  isEnded = false;
  #lost: Error | undefined;
  #controller: AbortController | undefined;

  constructor(job: Job<Data, Result>, claimed: Pick<ClaimedJob, 'id' | 'token' | 'stalls' | 'isBegun'>, leasedFromMs: number) {
    this.job = job;
    this.id = claimed.id;
    this.token = claimed.token;
    this.stalls = claimed.stalls;
    this.isBegun = claimed.isBegun;
    this.extendedAtMs = leasedFromMs;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Made at the first look: most processors never look. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#lost !== undefined) this.#controller.abort(this.#lost);
    }
    return this.#controller.signal;
  }

  lose(reason: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    this.#controller?.abort(reason);
  }
}
