import type { OperationResult } from '../protocol/reply.ts';
import { beginsByClaim } from './claim-scheduler.ts';
import type { JobClaimer } from './job-claimer.ts';
import type { LeasedJob } from './leased-job.ts';
import type { RepeatedOperation } from './pending-operation.ts';
import type { Pipeline } from './pipeline.ts';
import type { Quarantine, QuarantineMember } from './quarantine.ts';
import { ReadyJobs } from './ready-jobs.ts';
import { isLeaseGone, unexpectedResult } from './result-errors.ts';
import type { WorkerConfig } from './worker-options.ts';

export interface JobSlotsHandlers<Data, Result> {
  /** The job has a slot and has begun: runs its processor, and calls {@link JobSlots.free} when that ends. */
  /** @param nowMs by performance.now(). */
  readonly run: (held: LeasedJob<Data, Result>, nowMs: number) => void;
  /** Releases a job that was not begun, or whose processor was not called. */
  readonly giveBack: (held: LeasedJob<Data, Result>) => void;
  /** The worker holds fewer jobs, without one that ended. */
  readonly onFree: () => void;
  readonly onError: (error: Error) => void;
}

type SlotsConfig = Pick<WorkerConfig, 'concurrency' | 'leaseMs' | 'maxStalledCount'>;

const OPERATION_BYTES = 24;
/** How long processors are called one after the other before the event loop gets its turn: reports and extensions leave in it. */
const SLICE_MS = 20;
/** Jobs that were claimed ahead are not given back before they have waited this long, however quick claims are. */
const HELD_UP_MS_MIN = 20;

/**
 * A worker's slots, one for each job that it may process at the same time, and the claimed jobs that wait for one.
 *
 * The cluster must know which jobs have begun: a lease that ends before its job begins counts nothing. A claim begins as many jobs as there
 * are free slots. The begin of a job that was claimed ahead travels with the request of the turn in which it takes its slot; if it ends in
 * that turn, too, its end says enough. If one more stall fails a job, its processor is not called before the cluster knows that it has
 * begun: a job that stalled before, or any job of a worker that allows no stall. Jobs that stalled are run alone at first ({@link Quarantine}).
 */
export class JobSlots<Data, Result> implements QuarantineMember {
  readonly #config: SlotsConfig;
  readonly #quarantine: Quarantine;
  readonly #pipeline: Pipeline;
  readonly #intake: JobClaimer;
  readonly #handlers: JobSlotsHandlers<Data, Result>;
  readonly #running = new Set<LeasedJob<Data, Result>>();
  readonly #ready = new ReadyJobs<Data, Result>();
  /** Began in this turn, and the cluster does not know it. */
  readonly #unannounced = new Set<LeasedJob<Data, Result>>();
  /** Have a slot and have begun, and their processors are called in the next turn of the event loop. */
  readonly #due: LeasedJob<Data, Result>[] = [];
  /** Set while processors have been called in this turn. */
  #nextTurn: NodeJS.Immediate | undefined;
  #turnStartedMs = 0;
  #isFilling = false;
  /** The moment at which a job was given its slot last: a look at the clock takes as long as some of what is done for a job. */
  #filledAtMs = 0;
  /** No stall is allowed, and the begin of this job is not answered yet. */
  #onlyBegin: LeasedJob<Data, Result> | undefined;
  /** Since when none of the waiting jobs has got a slot. */
  #waitingSinceMs = 0;
  #heldUpTimer: NodeJS.Timeout | undefined;
  #isOpen = true;

  constructor(
    config: SlotsConfig,
    quarantine: Quarantine,
    pipeline: Pipeline,
    intake: JobClaimer,
    handlers: JobSlotsHandlers<Data, Result>,
  ) {
    this.#config = config;
    this.#quarantine = quarantine;
    quarantine.join(this);
    this.#pipeline = pipeline;
    this.#intake = intake;
    this.#handlers = handlers;
  }

  /** Jobs that have a slot. */
  get running(): ReadonlySet<LeasedJob<Data, Result>> {
    return this.#running;
  }

  /** How many jobs wait for a slot. */
  get ready(): number {
    return this.#ready.size;
  }

  /** All jobs under this worker's leases. */
  held(): LeasedJob<Data, Result>[] {
    return [...this.#running, ...this.#ready.values()];
  }

  /** Takes jobs that were just claimed. */
  add(jobs: readonly LeasedJob<Data, Result>[]): void {
    if (this.#ready.size === 0) this.#waitingSinceMs = performance.now();
    for (const held of jobs) {
      // Anew for each: the processor of the one before may have taken its time.
      const nowMs = performance.now();
      if (!this.#isOpen) this.#handlers.giveBack(held);
      else if (!held.isBegun) this.#wait(held);
      else if (this.#mayRun(held, nowMs)) this.#run(held, nowMs);
      else this.#handlers.giveBack(held);
    }
    this.fill();
  }

  /** Gives free slots to jobs that wait. */
  fill(): void {
    // What it gives back may end a quarantine, which calls it again: the first call goes on.
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      for (let held = this.#next(); held !== undefined; held = this.#next()) this.#begin(held, this.#filledAtMs);
    } finally {
      this.#isFilling = false;
    }
    this.#watch();
  }

  /** The job needs its slot no more. */
  free(held: LeasedJob<Data, Result>): void {
    this.#running.delete(held);
    this.#unannounced.delete(held);
  }

  /** The cluster knows what came of the job, or that nothing comes of it here. */
  onOver(held: LeasedJob<Data, Result>): void {
    if (held.stalls > 0) this.#quarantine.onOver(held);
  }

  /** The lease is gone: a job whose processor does not run needs nothing any more. */
  lose(held: LeasedJob<Data, Result>): void {
    this.#ready.remove(held);
    if (!held.hasStarted) this.free(held);
    this.onOver(held);
  }

  /** What may begin has changed. */
  onQuarantine(): void {
    this.fill();
    this.#handlers.onFree();
  }

  /** Begins nothing more, and gives back what waits. */
  close(): void {
    this.#isOpen = false;
    clearTimeout(this.#heldUpTimer);
    clearImmediate(this.#nextTurn);
    this.#quarantine.leave(this);
    for (const held of this.#ready.takeAll()) this.#giveBack(held);
    for (const held of this.#due.splice(0)) {
      if (!this.#running.has(held)) continue;
      this.free(held);
      this.#giveBack(held);
    }
  }

  #wait(held: LeasedJob<Data, Result>): void {
    this.#ready.push(held);
    if (held.stalls > 0) this.#quarantine.enter(held, this.#config.leaseMs);
  }

  /** The next job that gets a slot, at `#filledAtMs`. */
  #next(): LeasedJob<Data, Result> | undefined {
    const { concurrency } = this.#config;
    if (!this.#isOpen || this.#due.length > 0 || this.#onlyBegin !== undefined) return undefined;
    if (!this.#quarantine.isActive) {
      const isFree = this.#running.size + this.#intake.reservedSlots < concurrency;
      if (!isFree || this.#ready.size === 0) return undefined;
      this.#filledAtMs = performance.now();
      return this.#hasTime(this.#filledAtMs) ? this.#ready.next() : undefined;
    }
    const stalled = this.#ready.firstStalled;
    if (stalled === undefined || this.#running.size >= concurrency || !this.#quarantine.take(stalled)) return undefined;
    this.#ready.remove(stalled);
    this.#filledAtMs = performance.now();
    return stalled;
  }

  #begin(held: LeasedJob<Data, Result>, nowMs: number): void {
    this.#waitingSinceMs = nowMs;
    if (this.#isLeaseOver(held, nowMs)) {
      this.#giveBack(held);
    } else if (held.stalls > 0 || !beginsByClaim(this.#config.maxStalledCount)) {
      this.#beginAndWait(held);
    } else {
      if (this.#unannounced.size === 0) this.#pipeline.atFlush(this.#announce);
      this.#unannounced.add(held);
      this.#run(held, nowMs);
    }
  }

  /**
   * Whether a job that its claim has begun can run at once, as it must: a lease that ends would count. Slots are reserved for what a claim
   * begins; but other jobs may be run alone by now.
   */
  #mayRun(held: LeasedJob<Data, Result>, nowMs: number): boolean {
    return this.#running.size < this.#config.concurrency && !this.#quarantine.isActive && !this.#isLeaseOver(held, nowMs);
  }

  /** A worker that holds fewer jobs may claim others: no job that ends may tell it so. */
  #giveBack(held: LeasedJob<Data, Result>): void {
    this.#handlers.giveBack(held);
    this.onOver(held);
    this.#handlers.onFree();
  }

  /** Gives the job a slot. It has begun. */
  #run(held: LeasedJob<Data, Result>, nowMs: number): void {
    this.#running.add(held);
    if (this.#due.length === 0 && this.#hasTime(nowMs)) this.#call(held, nowMs);
    else this.#due.push(held);
  }

  #call(held: LeasedJob<Data, Result>, nowMs: number): void {
    if (held.stalls > 0) this.#quarantine.onRun(held);
    this.#handlers.run(held, nowMs);
  }

  /** Whether processors may be called in this turn of the event loop. If not, it goes on in the next. */
  #hasTime(nowMs: number): boolean {
    if (this.#nextTurn !== undefined) return nowMs - this.#turnStartedMs < SLICE_MS;
    this.#turnStartedMs = nowMs;
    this.#nextTurn = setImmediate(this.#onNextTurn);
    return true;
  }

  readonly #onNextTurn = (): void => {
    this.#nextTurn = undefined;
    for (let held = this.#due[0]; held !== undefined; held = this.#due[0]) {
      const nowMs = performance.now();
      const isMine = this.#running.has(held);
      if (isMine && !this.#hasTime(nowMs)) return;
      this.#due.shift();
      if (isMine && this.#isLeaseOver(held, nowMs)) {
        this.free(held);
        this.#giveBack(held);
      } else if (isMine) {
        this.#call(held, nowMs);
      }
    }
    this.fill();
  };

  /** A lease is never extended by waiting for a slot alone: what can be known to be over is not begun. */
  #isLeaseOver(held: LeasedJob<Data, Result>, nowMs: number): boolean {
    return nowMs >= held.extendedAtMs + this.#config.leaseMs;
  }

  // ---- begins

  readonly #announce = (): void => {
    for (const held of this.#unannounced) {
      this.#unannounced.delete(held);
      this.#sendBegin(held, {
        onResult: (result) => {
          // That the lease is gone is told by the next extension, or by the rejection of what came of the job.
          if (!result.ok && !isLeaseGone(result.code)) this.#handlers.onError(unexpectedResult(result));
        },
        onError: (error) => this.#handlers.onError(error),
      });
    }
  };

  #beginAndWait(held: LeasedJob<Data, Result>): void {
    this.#running.add(held);
    // Were several begun at once, the first of them could end the process before the others' processors are called.
    if (held.stalls === 0) this.#onlyBegin = held;
    const onReplied = (): boolean => {
      if (this.#onlyBegin === held) this.#onlyBegin = undefined;
      // Otherwise it was given back, or its lease was lost, meanwhile.
      return this.#running.has(held);
    };
    this.#sendBegin(held, {
      onResult: (result) => {
        if (!onReplied()) return;
        if (!result.ok || !this.#isOpen) {
          this.#drop(held, result.ok || isLeaseGone(result.code) ? undefined : unexpectedResult(result));
          return;
        }
        this.#run(held, performance.now());
        this.fill();
      },
      onError: (error) => {
        if (onReplied()) this.#drop(held, error);
      },
    });
  }

  #drop(held: LeasedJob<Data, Result>, error: Error | undefined): void {
    this.free(held);
    if (error !== undefined) this.#handlers.onError(error);
    this.#giveBack(held);
    this.fill();
  }

  #sendBegin(held: LeasedJob<Data, Result>, replies: Pick<RepeatedOperation, 'onResult' | 'onError'>): void {
    const call: RepeatedOperation = {
      write: (encoder) => encoder.markBegun(held.id, held.token),
      untilMs: () => held.extendedAtMs + this.#config.leaseMs,
      endsLease: false,
      outlivesOutage: () => this.#isOpen,
      onResult: (result: OperationResult) => replies.onResult(result),
      onError: (error) => replies.onError(error),
    };
    try {
      this.#pipeline.keep(OPERATION_BYTES, call);
    } catch (error) {
      call.onError(error as Error);
    }
  }

  // ---- jobs that wait too long

  /** One timer while jobs wait; it checks again instead of being reset for each job. */
  #watch(): void {
    if (!this.#isOpen || this.#ready.size === 0 || this.#heldUpTimer !== undefined) return;
    const inMs = this.#waitingSinceMs + this.#heldUpMs - performance.now();
    // After a pause of the event loop timers run first. What has ended meanwhile is known one phase later.
    this.#heldUpTimer = setTimeout(() => setImmediate(this.#onHeldUpTimer), Math.max(1, inMs));
  }

  /** Claiming ahead was meant to save the wait for a claim. */
  get #heldUpMs(): number {
    return Math.max(HELD_UP_MS_MIN, this.#intake.claimMs);
  }

  readonly #onHeldUpTimer = (): void => {
    this.#heldUpTimer = undefined;
    if (!this.#isOpen || this.#ready.size === 0) return;
    if (performance.now() - this.#waitingSinceMs < this.#heldUpMs) {
      this.#watch();
    } else if (this.#running.size >= this.#config.concurrency) {
      this.#intake.onHeldUp();
      for (const held of this.#ready.takeAll()) this.#giveBack(held);
    }
    // With slots free, jobs wait here for the end of a quarantine.
  };
}
