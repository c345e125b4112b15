import { CLAIM_COUNT_MAX } from '../../protocol/limits.ts';
import type { ClaimedJob, OperationResult } from '../../protocol/reply.ts';
import type { ClaimOptions } from '../../protocol/request-encoder.ts';
import { type OperationSpan, startSpan } from '../../tracing/span.ts';
import { type ClientClock, SYSTEM_CLOCK } from '../clock.ts';
import type { Batch } from '../delivery/batch.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { unexpectedResult } from '../result-errors.ts';

/** The terms that workers with one shared waiting claim have in common. */
export interface ClaimTerms {
  readonly queue: string;
  readonly leaseMs: number;
  readonly stalledMax: number;
  readonly limiter: ClaimOptions['limiter'];
}

/**
 * Whether a claim may begin jobs. If no stall is allowed, a crash before its processor is called would fail the job, so its begin is
 * sent first, separately, and its reply awaited.
 */
export const beginsByClaim = (stalledMax: number): boolean => stalledMax > 0;

/** A claim has its reply. */
export function endClaim(span: OperationSpan | undefined, result: OperationResult): void {
  if (span === undefined) return;
  if (result.ok && result.type === 'claimed') span.end({ 'messaging.batch.message_count': result.jobs.length });
  else span.fail(unexpectedResult(result));
}

/** A worker that waits for jobs. */
export interface WaitingWorker {
  /** How long a claim of this worker waits at the cluster. */
  readonly waitMs: number;
  /**
   * @param isShort the claim brought fewer jobs than requested: the queue has no other, or their payloads were too many bytes for it.
   * @param askedAtMs when the claim was sent, by the client's clock.
   */
  onJobs(jobs: readonly ClaimedJob[], isShort: boolean, askedAtMs: number): void;
  /** The claim failed: the worker waits for nothing until it calls `want` again. */
  onError(error: Error): void;
}

/** The claim that waits at the cluster. */
interface OutstandingClaim {
  readonly batch: Batch;
  readonly count: number;
  readonly askedAtMs: number;
  readonly span: OperationSpan | undefined;
  /** Called once the claim has its reply and its surplus jobs are given back. */
  readonly onOver: (() => void)[];
}

/**
 * Merges the waits of a queue's idle workers into one claim that waits at the cluster, and distributes its jobs: always to
 * the worker that was served longest ago. A thousand idle workers cost as much as one.
 *
 * While the claim waits, workers may begin to wait for more: the claim is not replaced, since it brings the first job as soon as there is
 * one, and the next claim requests the rest. Once it requests more than the workers want, it is cancelled and replaced.
 */
export class ClaimScheduler {
  readonly #dispatcher: Dispatcher;
  readonly #terms: ClaimTerms;
  readonly #clock: ClientClock;
  readonly #holder: number;
  /** How many jobs each worker waits for; the one served longest ago comes first. */
  readonly #wanted = new Map<WaitingWorker, number>();
  #claim: OutstandingClaim | undefined;

  constructor(dispatcher: Dispatcher, terms: ClaimTerms, holder: number, clock: ClientClock = SYSTEM_CLOCK) {
    this.#clock = clock;
    this.#dispatcher = dispatcher;
    this.#terms = terms;
    this.#holder = holder;
  }

  /** @param count number of jobs that the worker would begin at once, in place of the previous count; zero if it no longer waits. */
  want(worker: WaitingWorker, count: number): void {
    if (count === (this.#wanted.get(worker) ?? 0)) return;
    if (count === 0) this.#wanted.delete(worker);
    else this.#wanted.set(worker, count);
    this.#dispatcher.atFlush(this.#update);
  }

  /**
   * The worker no longer waits.
   * @returns a promise that resolves once no claim is for this worker only; the jobs of such a claim are given back.
   */
  leave(worker: WaitingWorker): Promise<void> {
    this.want(worker, 0);
    const claim = this.#claim;
    if (claim === undefined || this.#wanted.size > 0) return Promise.resolve();
    return new Promise((resolve) => claim.onOver.push(resolve));
  }

  readonly #update = (): void => {
    let count = 0;
    for (const wanted of this.#wanted.values()) count += wanted;
    count = Math.min(count, CLAIM_COUNT_MAX);
    if (this.#claim === undefined) {
      if (count > 0) this.#submit(count);
    } else if (count < this.#claim.count) {
      this.#dispatcher.cancelClaim(this.#claim.batch);
    }
  };

  #submit(count: number): void {
    const { queue, leaseMs, stalledMax, limiter } = this.#terms;
    let waitMs = Number.POSITIVE_INFINITY;
    for (const worker of this.#wanted.keys()) waitMs = Math.min(waitMs, worker.waitMs);
    try {
      const batch = this.#dispatcher.claim(
        queue,
        { countMax: count, beginMax: beginsByClaim(stalledMax) ? count : 0, leaseMs, waitMs, stalledMax, limiter, holder: this.#holder },
        { claimLeaseMs: leaseMs, onResult: (result) => this.#onResult(result), onError: (error) => this.#onError(error) },
      );
      const span = startSpan('claim', queue);
      this.#claim = { batch, count, askedAtMs: this.#clock.nowMs(), span, onOver: [] };
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #onResult(result: OperationResult): void {
    if (!result.ok || result.type !== 'claimed') {
      this.#onError(unexpectedResult(result));
      return;
    }
    const claim = this.#takeClaim();
    endClaim(claim.span, result);
    const isShort = result.jobs.length < claim.count;
    const handed = new Map<WaitingWorker, ClaimedJob[]>();
    const surplus: ClaimedJob[] = [];
    for (const job of result.jobs) {
      const worker = this.#takeTurn();
      if (worker === undefined) surplus.push(job);
      else if (!handed.get(worker)?.push(job)) handed.set(worker, [job]);
    }
    this.#release(surplus, claim);
    for (const [worker, jobs] of handed) {
      // While there are jobs it claims by itself, together with its completions.
      if (!isShort) this.#wanted.delete(worker);
      worker.onJobs(jobs, isShort, claim.askedAtMs);
    }
    this.#dispatcher.atFlush(this.#update);
  }

  #onError(error: Error): void {
    const claim = this.#takeClaim();
    claim.span?.fail(error);
    this.#fail(error);
    this.#release([], claim);
  }

  #fail(error: Error): void {
    const workers = [...this.#wanted.keys()];
    this.#wanted.clear();
    for (const worker of workers) worker.onError(error);
  }

  #takeClaim(): OutstandingClaim {
    const claim = this.#claim as OutstandingClaim;
    this.#claim = undefined;
    return claim;
  }

  /** The worker that gets the next job; it moves to the end of the order. */
  #takeTurn(): WaitingWorker | undefined {
    for (const [worker, count] of this.#wanted) {
      this.#wanted.delete(worker);
      if (count > 1) this.#wanted.set(worker, count - 1);
      return worker;
    }
    return undefined;
  }

  /** Gives back jobs that no worker waits for. */
  #release(jobs: readonly ClaimedJob[], { onOver }: OutstandingClaim): void {
    const untilMs = this.#clock.nowMs() + this.#terms.leaseMs;
    let unanswered = jobs.length;
    const onReplied = (): void => {
      unanswered -= 1;
      if (unanswered === 0) for (const resolve of onOver) resolve();
    };
    for (const job of jobs) this.#dispatcher.giveBack(job, untilMs, onReplied);
    if (jobs.length === 0) for (const resolve of onOver) resolve();
  }
}

/** A client's schedulers: one for each queue and for each kind of lease of its workers. */
export class ClaimSchedulers {
  static readonly #ofClients = new WeakMap<Dispatcher, ClaimSchedulers>();
  /** The process that holds the claimed jobs. */
  readonly holder: number;
  readonly #clock: ClientClock;
  readonly #dispatcher: Dispatcher;
  readonly #schedulers = new Map<string, { readonly scheduler: ClaimScheduler; workers: number }>();

  constructor(dispatcher: Dispatcher, holder: number, clock: ClientClock = SYSTEM_CLOCK) {
    this.#clock = clock;
    this.#dispatcher = dispatcher;
    this.holder = holder;
  }

  /** Those of the client with this dispatcher. @param holder the process that holds the claimed jobs. */
  static of(dispatcher: Dispatcher, holder: number, clock: ClientClock): ClaimSchedulers {
    const known = ClaimSchedulers.#ofClients.get(dispatcher) ?? new ClaimSchedulers(dispatcher, holder, clock);
    ClaimSchedulers.#ofClients.set(dispatcher, known);
    return known;
  }

  /** For one worker, until it calls {@link drop}. */
  acquire(terms: ClaimTerms): ClaimScheduler {
    const key = keyOf(terms);
    const known = this.#schedulers.get(key) ?? {
      scheduler: new ClaimScheduler(this.#dispatcher, terms, this.holder, this.#clock),
      workers: 0,
    };
    this.#schedulers.set(key, known);
    known.workers += 1;
    return known.scheduler;
  }

  drop(terms: ClaimTerms): void {
    const key = keyOf(terms);
    const known = this.#schedulers.get(key);
    if (known === undefined) return;
    known.workers -= 1;
    if (known.workers === 0) this.#schedulers.delete(key);
  }
}

const keyOf = ({ queue, leaseMs, stalledMax, limiter }: ClaimTerms): string =>
  `${leaseMs} ${stalledMax} ${limiter?.max} ${limiter?.durationMs} ${queue}`;
