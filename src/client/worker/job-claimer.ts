import { CLAIM_COUNT_MAX } from '../../protocol/limits.ts';
import type { ClaimedJob } from '../../protocol/reply.ts';
import { startSpan } from '../../tracing/span.ts';
import { type ClientClock, type ClientTimer, SYSTEM_CLOCK } from '../clock.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import type { PendingOperation } from '../delivery/pending-operation.ts';
import { unexpectedResult } from '../result-errors.ts';
import {
  beginsByClaim,
  type ClaimScheduler,
  type ClaimSchedulers,
  type ClaimTerms,
  endClaim,
  type WaitingWorker,
} from './claim-scheduler.ts';
import { DrainedEvent } from './drained-event.ts';
import type { Quarantine } from './quarantine.ts';
import { prefetchMaxOf, type WorkerConfig } from './worker-options.ts';

export interface JobClaimerHandlers {
  /** Jobs that have a slot: their processor runs, or is about to. */
  readonly running: () => number;
  /** Claimed jobs that wait for a slot. */
  readonly ready: () => number;
  /** @param askedAtMs when the claim was sent, by the client's clock. */
  readonly onJobs: (jobs: readonly ClaimedJob[], askedAtMs: number) => void;
  /** No job is left waiting. */
  readonly onDrained: () => void;
  /** Whether 'drained' has a listener. */
  readonly hasDrainedListener: () => boolean;
  readonly onError: (error: Error) => void;
}

/** The parts that a worker shares with others. */
export interface JobClaimerShared {
  readonly claimSchedulers: ClaimSchedulers;
  readonly quarantine: Quarantine;
}

const OPERATION_BYTES = 300;
const RETRY_MS = 100;
/** Weight of a new sample in a running average. */
const SMOOTHING = 0.05;

/**
 * Decides when a worker claims, and how many jobs. While the queue has jobs, claims go into the request with the completions of the same
 * turn. Once a claim comes back short, the worker waits for as many jobs as it could begin at once, together with the client's other
 * workers of this queue (see {@link ClaimScheduler}).
 */
export class JobClaimer {
  readonly #queue: string;
  readonly #clock: ClientClock;
  readonly #config: WorkerConfig;
  readonly #dispatcher: Dispatcher;
  readonly #shared: JobClaimerShared;
  readonly #handlers: JobClaimerHandlers;
  readonly #terms: ClaimTerms;
  readonly #waiting: WaitingWorker;
  readonly #drained: DrainedEvent;
  #scheduler: ClaimScheduler | undefined;
  #isOpen = false;
  /** The latest claim came back short: from then on the worker waits for jobs; if the queue has more they come at once. */
  #waitsForJobs = false;
  /** Jobs requested by unanswered claims, and how many of them these claims begin. */
  #asked = 0;
  #askedToBegin = 0;
  #isHeldUp = false;
  #retryTimer: ClientTimer | undefined;
  #jobMs: number | undefined;
  #claimMs = 0;

  constructor(
    queue: string,
    config: WorkerConfig,
    dispatcher: Dispatcher,
    shared: JobClaimerShared,
    handlers: JobClaimerHandlers,
    clock: ClientClock = SYSTEM_CLOCK,
  ) {
    this.#clock = clock;
    this.#queue = queue;
    this.#config = config;
    this.#dispatcher = dispatcher;
    this.#shared = shared;
    this.#handlers = handlers;
    this.#terms = { queue, leaseMs: config.leaseMs, stalledMax: config.maxStalledCount, limiter: config.limiter };
    this.#waiting = {
      waitMs: config.claimWaitMs,
      onJobs: (jobs, isShort, askedAtMs) => this.#onJobs(jobs, isShort, askedAtMs),
      onError: (error) => this.#onError(error),
    };
    this.#drained = new DrainedEvent(queue, dispatcher, { hasListener: handlers.hasDrainedListener, onDrained: handlers.onDrained }, clock);
  }

  /** Whether a claim of this worker is in flight whose jobs must be given back; waiting claims are handled by {@link stop}. */
  get isClaiming(): boolean {
    return this.#asked > 0;
  }

  /** Slots reserved for the jobs that claims in flight begin. */
  get reservedSlots(): number {
    return this.#askedToBegin;
  }

  /** Average duration of a claim. */
  get claimMs(): number {
    return this.#claimMs;
  }

  /** Claims, at first or again after {@link pause}. */
  start(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#scheduler = this.#shared.claimSchedulers.acquire(this.#terms);
    this.request();
  }

  /**
   * Claims no more, and cancels the waiting claim.
   * @returns a promise that resolves once that has its reply, and its jobs are given back. May be called twice.
   */
  async stop(): Promise<void> {
    this.#drained.close();
    await this.pause();
  }

  /** The same, until it is started again. */
  async pause(): Promise<void> {
    this.#isOpen = false;
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    const scheduler = this.#scheduler;
    if (scheduler === undefined) return;
    this.#scheduler = undefined;
    this.#shared.claimSchedulers.drop(this.#terms);
    await scheduler.leave(this.#waiting);
  }

  /** Claims at the end of this turn, when it is known how many jobs ended in it. */
  request(): void {
    if (this.#isOpen && this.#retryTimer === undefined) this.#dispatcher.atFlush(this.#claim);
  }

  /** All slots have been busy for longer than a claim takes: nothing is claimed ahead until one is free. */
  onHeldUp(): void {
    this.#isHeldUp = true;
  }

  /** A job ended, and its slot is free. */
  observeJobMs(tookMs: number): void {
    this.#isHeldUp = false;
    this.#jobMs = this.#jobMs === undefined ? tookMs : this.#jobMs + SMOOTHING * (tookMs - this.#jobMs);
  }

  /**
   * Claiming ahead pays only if a job is done before another could be claimed; otherwise it takes jobs from other workers. It then takes
   * as many as are done while a claim is in flight (Little's law), so that no free slot waits for a job.
   */
  get #capacity(): number {
    const { concurrency } = this.#config;
    if (this.#isHeldUp || this.#jobMs === undefined || this.#jobMs >= this.#claimMs) return concurrency;
    // If a job that was claimed ahead ends the process at once, the cluster does not know that it had begun.
    if (this.#shared.quarantine.isCautious(this.#clock.nowMs())) return concurrency;
    return concurrency + Math.min(prefetchMaxOf(this.#config), Math.ceil((concurrency * this.#claimMs) / this.#jobMs));
  }

  readonly #claim = (): void => {
    if (!this.#isOpen || this.#retryTimer !== undefined) return;
    // Jobs that would have to wait here may begin elsewhere.
    if (this.#shared.quarantine.isActive) {
      this.#scheduler?.want(this.#waiting, 0);
      return;
    }
    const taken = this.#handlers.running() + this.#handlers.ready();
    const { concurrency, leaseMs, maxStalledCount, limiter } = this.#config;
    this.#scheduler?.want(this.#waiting, this.#waitsForJobs ? Math.max(0, concurrency - taken - this.#asked) : 0);
    if (this.#waitsForJobs) return;
    const countMax = Math.min(CLAIM_COUNT_MAX, this.#capacity - taken - this.#asked);
    if (countMax <= 0) return;
    // The cluster begins no more jobs than there are free slots when they arrive.
    const beginMax = beginsByClaim(maxStalledCount) ? Math.min(countMax, Math.max(0, concurrency - taken - this.#askedToBegin)) : 0;
    const { holder } = this.#shared.claimSchedulers;
    try {
      this.#dispatcher
        .open(OPERATION_BYTES, true)
        .claim(this.#queue, { countMax, beginMax, leaseMs, waitMs: 0, stalledMax: maxStalledCount, holder, limiter });
    } catch (error) {
      this.#onError(error as Error);
      return;
    }
    this.#asked += countMax;
    this.#askedToBegin += beginMax;
    this.#dispatcher.commit(this.#callFor(countMax, beginMax));
  };

  #callFor(countMax: number, beginMax: number): PendingOperation {
    const askedAtMs = this.#clock.nowMs();
    const span = startSpan('claim', this.#queue);
    const onReplied = (): void => {
      this.#asked -= countMax;
      this.#askedToBegin -= beginMax;
    };
    return {
      claimLeaseMs: this.#config.leaseMs,
      onResult: (result) => {
        onReplied();
        this.#claimMs += SMOOTHING * (this.#clock.nowMs() - askedAtMs - this.#claimMs);
        endClaim(span, result);
        if (!result.ok || result.type !== 'claimed') this.#onError(unexpectedResult(result));
        else this.#onJobs(result.jobs, result.jobs.length < countMax, askedAtMs);
      },
      onError: (error) => {
        onReplied();
        span?.fail(error);
        this.#onError(error);
      },
    };
  }

  #onJobs(jobs: readonly ClaimedJob[], isShort: boolean, askedAtMs: number): void {
    this.#waitsForJobs = isShort;
    this.#handlers.onJobs(jobs, askedAtMs);
    this.#drained.onClaimed(jobs.length, isShort);
    this.request();
  }

  #onError(error: Error): void {
    this.#handlers.onError(error);
    // Also notifies a closing worker that this claim is over.
    this.#handlers.onJobs([], 0);
    if (!this.#isOpen) return;
    this.#retryTimer ??= this.#clock.setTimer(() => {
      this.#retryTimer = undefined;
      this.request();
    }, RETRY_MS);
  }
}
