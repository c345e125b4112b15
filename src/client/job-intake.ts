import type { ClaimedJob, OperationResult } from '../queue/reply.ts';
import type { Call } from './call.ts';
import type { Pipeline } from './pipeline.ts';
import { unexpected } from './refusal.ts';
import type { WorkerConfig } from './worker-options.ts';

export interface JobIntakeHandlers {
  /** Jobs claimed and not ended, begun or not. */
  readonly held: () => number;
  readonly onJobs: (jobs: readonly ClaimedJob[]) => void;
  readonly onDrained: () => void;
  readonly onError: (error: Error) => void;
}

const OPERATION_BYTES = 300;
const RETRY_MS = 100;
/** How much one new sample counts in a running average. */
const SMOOTHING = 0.05;

/**
 * Decides when a worker claims, and how many. While the queue has jobs, claims travel with the completions of the same turn. Once a
 * claim comes back short, one claim waits at the cluster until there is a job again.
 */
export class JobIntake {
  readonly #queue: string;
  readonly #config: WorkerConfig;
  readonly #pipeline: Pipeline;
  readonly #handlers: JobIntakeHandlers;
  #isOpen = false;
  #isQueueEmpty = false;
  #hadJobs = false;
  /** Jobs that were asked for by claims that are not answered yet. */
  #asked = 0;
  #isWaiting = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #jobMs: number | undefined;
  #claimMs = 0;

  constructor(queue: string, config: WorkerConfig, pipeline: Pipeline, handlers: JobIntakeHandlers) {
    this.#queue = queue;
    this.#config = config;
    this.#pipeline = pipeline;
    this.#handlers = handlers;
  }

  /** Whether a claim is under way whose jobs will have to be given back; one that waits at the cluster is not waited for. */
  get isClaiming(): boolean {
    return this.#asked > 0;
  }

  start(): void {
    this.#isOpen = true;
    this.request();
  }

  stop(): void {
    this.#isOpen = false;
    clearTimeout(this.#retryTimer);
  }

  /** Claims at the end of this turn, when it is known how many jobs ended in it. */
  request(): void {
    if (this.#isOpen && this.#retryTimer === undefined) this.#pipeline.atFlush(this.#claim);
  }

  observeJobMs(tookMs: number): void {
    this.#jobMs = this.#jobMs === undefined ? tookMs : this.#jobMs + SMOOTHING * (tookMs - this.#jobMs);
  }

  /**
   * Claiming ahead pays only when a job is done before another could be claimed; otherwise it takes jobs from other workers. It then takes
   * as many as are done while a claim is on its way (Little's law), so that nobody who could process waits for one.
   */
  get #capacity(): number {
    const { concurrency, prefetchMax } = this.#config;
    if (this.#jobMs === undefined || this.#jobMs >= this.#claimMs) return concurrency;
    return concurrency + Math.min(prefetchMax, Math.ceil((concurrency * this.#claimMs) / this.#jobMs));
  }

  readonly #claim = (): void => {
    if (!this.#isOpen || this.#isWaiting || this.#retryTimer !== undefined) return;
    const count = this.#capacity - this.#handlers.held() - this.#asked;
    if (count <= 0) return;
    const { leaseMs, claimWaitMs } = this.#config;
    try {
      if (this.#isQueueEmpty) {
        this.#pipeline.submitWaitingClaim(this.#queue, count, leaseMs, claimWaitMs, this.#callFor(count, true));
        this.#isWaiting = true;
      } else {
        this.#pipeline
          .open(OPERATION_BYTES)
          .claim(this.#queue, { countMax: count, beginMax: count, leaseMs, waitMs: 0, stalledMax: 1, holder: 0 });
        this.#pipeline.commit(this.#callFor(count, false));
        this.#asked += count;
      }
    } catch (error) {
      this.#onError(error as Error);
    }
  };

  #callFor(count: number, isWaiting: boolean): Call {
    const askedAtMs = performance.now();
    const isOver = (): void => {
      if (isWaiting) this.#isWaiting = false;
      else this.#asked -= count;
    };
    return {
      claimLeaseMs: this.#config.leaseMs,
      onResult: (result) => {
        isOver();
        if (!isWaiting) this.#claimMs += SMOOTHING * (performance.now() - askedAtMs - this.#claimMs);
        this.#onClaimed(result, count);
      },
      onError: (error) => {
        isOver();
        this.#onError(error);
      },
    };
  }

  #onClaimed(result: OperationResult, count: number): void {
    if (!result.ok || result.type !== 'claimed') {
      this.#onError(unexpected(result));
      return;
    }
    const { jobs } = result;
    const wasEmpty = this.#isQueueEmpty;
    this.#isQueueEmpty = jobs.length < count;
    if (jobs.length > 0) this.#hadJobs = true;
    this.#handlers.onJobs(jobs);
    if (this.#isQueueEmpty && this.#hadJobs && (!wasEmpty || jobs.length > 0)) {
      this.#hadJobs = false;
      this.#handlers.onDrained();
    }
    this.request();
  }

  #onError(error: Error): void {
    this.#handlers.onError(error);
    // Also tells a closing worker that this claim is over.
    this.#handlers.onJobs([]);
    if (!this.#isOpen) return;
    this.#retryTimer ??= setTimeout(() => {
      this.#retryTimer = undefined;
      this.request();
    }, RETRY_MS);
  }
}
