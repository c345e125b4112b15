import type { ClaimedJob, OperationResult } from '../queue/reply.ts';
import type { Call } from './call.ts';
import type { ClaimScheduler, ClaimSchedulers, ClaimTerms, WaitingWorker } from './claim-scheduler.ts';
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
 * claim comes back short, the worker waits for as many jobs as it could begin at once, together with the client's other workers of this
 * queue (see {@link ClaimScheduler}).
 */
export class JobIntake {
  readonly #queue: string;
  readonly #config: WorkerConfig;
  readonly #pipeline: Pipeline;
  readonly #schedulers: ClaimSchedulers;
  readonly #handlers: JobIntakeHandlers;
  readonly #terms: ClaimTerms;
  readonly #waiting: WaitingWorker;
  #scheduler: ClaimScheduler | undefined;
  #isOpen = false;
  #isQueueEmpty = false;
  #hadJobs = false;
  /** Jobs that were asked for by claims that are not answered yet. */
  #asked = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #jobMs: number | undefined;
  #claimMs = 0;

  constructor(queue: string, config: WorkerConfig, pipeline: Pipeline, schedulers: ClaimSchedulers, handlers: JobIntakeHandlers) {
    this.#queue = queue;
    this.#config = config;
    this.#pipeline = pipeline;
    this.#schedulers = schedulers;
    this.#handlers = handlers;
    this.#terms = { queue, leaseMs: config.leaseMs };
    this.#waiting = {
      waitMs: config.claimWaitMs,
      onJobs: (jobs, isQueueEmpty) => this.#onJobs(jobs, isQueueEmpty),
      onError: (error) => this.#onError(error),
    };
  }

  /** Whether a claim of this worker is under way whose jobs will have to be given back; what waits at the cluster is {@link stop}'s. */
  get isClaiming(): boolean {
    return this.#asked > 0;
  }

  start(): void {
    this.#isOpen = true;
    this.#scheduler = this.#schedulers.acquire(this.#terms);
    this.request();
  }

  /**
   * Claims no more, and cancels what waits at the cluster.
   * @returns a promise that resolves once that is answered, and what it brought is given back. May be called twice.
   */
  async stop(): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#retryTimer);
    const scheduler = this.#scheduler;
    if (scheduler === undefined) return;
    this.#scheduler = undefined;
    this.#schedulers.drop(this.#terms);
    await scheduler.leave(this.#waiting);
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
    if (!this.#isOpen || this.#retryTimer !== undefined) return;
    const held = this.#handlers.held() + this.#asked;
    this.#scheduler?.want(this.#waiting, this.#isQueueEmpty ? Math.max(0, this.#config.concurrency - held) : 0);
    if (this.#isQueueEmpty) return;
    const count = this.#capacity - held;
    if (count <= 0) return;
    try {
      const { leaseMs } = this.#config;
      this.#pipeline
        .open(OPERATION_BYTES, true)
        .claim(this.#queue, { countMax: count, beginMax: count, leaseMs, waitMs: 0, stalledMax: 1, holder: 0 });
    } catch (error) {
      this.#onError(error as Error);
      return;
    }
    this.#asked += count;
    this.#pipeline.commit(this.#callFor(count));
  };

  #callFor(count: number): Call {
    const askedAtMs = performance.now();
    return {
      claimLeaseMs: this.#config.leaseMs,
      onResult: (result) => {
        this.#asked -= count;
        this.#claimMs += SMOOTHING * (performance.now() - askedAtMs - this.#claimMs);
        this.#onClaimed(result, count);
      },
      onError: (error) => {
        this.#asked -= count;
        this.#onError(error);
      },
    };
  }

  #onClaimed(result: OperationResult, count: number): void {
    if (!result.ok || result.type !== 'claimed') this.#onError(unexpected(result));
    else this.#onJobs(result.jobs, result.jobs.length < count);
  }

  #onJobs(jobs: readonly ClaimedJob[], isQueueEmpty: boolean): void {
    const wasEmpty = this.#isQueueEmpty;
    this.#isQueueEmpty = isQueueEmpty;
    if (jobs.length > 0) this.#hadJobs = true;
    this.#handlers.onJobs(jobs);
    if (isQueueEmpty && this.#hadJobs && (!wasEmpty || jobs.length > 0)) {
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
