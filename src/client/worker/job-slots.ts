import type { OperationResult } from '../../protocol/reply.ts';
import { type ClientClock, type ClientTimer, SYSTEM_CLOCK } from '../clock.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import type { RepeatedOperation } from '../delivery/pending-operation.ts';
import { isLeaseGone, unexpectedResult } from '../result-errors.ts';
import { beginsByClaim } from './claim-scheduler.ts';
import type { JobClaimer } from './job-claimer.ts';
import type { LeasedJob } from './leased-job.ts';
import type { Quarantine, QuarantineMember } from './quarantine.ts';
import { ReadyJobs } from './ready-jobs.ts';
import type { WorkerConfig } from './worker-options.ts';

export interface JobSlotsHandlers<Data, Result> {
  /** The job has a slot and has begun: runs its processor, and calls {@link JobSlots.free} when that ends. */
  /** @param nowMs by the client's clock. */
  readonly run: (held: LeasedJob<Data, Result>, nowMs: number) => void;
  /** Releases a job that was not begun, or whose processor was not called. */
  readonly giveBack: (held: LeasedJob<Data, Result>) => void;
  /** The worker holds fewer jobs, without a job that ended. */
  readonly onFree: () => void;
  readonly onError: (error: Error) => void;
}

type SlotsConfig = Pick<WorkerConfig, 'concurrency' | 'leaseMs' | 'maxStalledCount'>;

const OPERATION_BYTES = 24;
/** How long processors are called in a row before the event loop runs: it sends reports and extensions. */
const SLICE_MS = 20;
/** Minimum time that jobs which were claimed ahead wait before they are given back, however short claims are. */
const HELD_UP_MS_MIN = 20;

/**
 * A worker's slots, one for each job that it may process at the same time, and the claimed jobs that wait for one.
 *
 * The cluster must know which jobs have begun: a lease that expires before its job begins counts nothing. A claim begins as many jobs as
 * there are free slots. The begin of a job that was claimed ahead goes into the request of the turn in which it takes its slot; if it ends
 * in that turn, too, its end implies the begin. If one more stall fails a job, its processor is not called before the cluster knows that it
 * has begun: a job that stalled before, or any job of a worker that allows no stall. Stalled jobs run alone at first ({@link Quarantine}).
 */
export class JobSlots<Data, Result> implements QuarantineMember {
  readonly #config: SlotsConfig;
  readonly #clock: ClientClock;
  readonly #quarantine: Quarantine;
  readonly #dispatcher: Dispatcher;
  readonly #intake: JobClaimer;
  readonly #handlers: JobSlotsHandlers<Data, Result>;
  readonly #running = new Set<LeasedJob<Data, Result>>();
  readonly #ready = new ReadyJobs<Data, Result>();
  /** Jobs that began in this turn, unknown to the cluster. */
  readonly #unannounced = new Set<LeasedJob<Data, Result>>();
  /** Jobs that have a slot and have begun; their processors are called in the next turn of the event loop. */
  readonly #due: LeasedJob<Data, Result>[] = [];
  /** Set while processors have been called in this turn. */
  #nextTurn: NodeJS.Immediate | undefined;
  #turnStartedMs = 0;
  #isFilling = false;
  /** When a job last got its slot: reading the clock takes as long as some of the work for a job. */
  #filledAtMs = 0;
  /** The job whose begin has no reply yet, if no stall is allowed. */
  #onlyBegin: LeasedJob<Data, Result> | undefined;
  /** Since when no waiting job has got a slot. */
  #waitingSinceMs = 0;
  #heldUpTimer: ClientTimer | undefined;
  #isOpen = true;
  #isClosed = false;

  constructor(
    config: SlotsConfig,
    quarantine: Quarantine,
    dispatcher: Dispatcher,
    intake: JobClaimer,
    handlers: JobSlotsHandlers<Data, Result>,
    clock: ClientClock = SYSTEM_CLOCK,
  ) {
    this.#clock = clock;
    this.#config = config;
    this.#quarantine = quarantine;
    quarantine.join(this);
    this.#dispatcher = dispatcher;
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

  /** Takes newly claimed jobs. */
  add(jobs: readonly LeasedJob<Data, Result>[]): void {
    if (this.#ready.size === 0) this.#waitingSinceMs = this.#clock.nowMs();
    for (const held of jobs) {
      // Read again for each job: the processor before may have taken long.
      const nowMs = this.#clock.nowMs();
      if (!this.#isOpen) this.#handlers.giveBack(held);
      else if (!held.isBegun) this.#wait(held);
      else if (this.#mayRun(held, nowMs)) this.#run(held, nowMs);
      else this.#handlers.giveBack(held);
    }
    this.fill();
  }

  /** Gives free slots to waiting jobs. */
  fill(): void {
    // Giving back jobs may end a quarantine, which calls this again: only the first call continues.
    if (this.#isFilling) return;
    this.#isFilling = true;
    try {
      for (let held = this.#next(); held !== undefined; held = this.#next()) this.#begin(held, this.#filledAtMs);
    } finally {
      this.#isFilling = false;
    }
    this.#watch();
  }

  /** The job no longer needs its slot. */
  free(held: LeasedJob<Data, Result>): void {
    this.#running.delete(held);
    this.#unannounced.delete(held);
  }

  /** The cluster knows the outcome of the job, or this worker no longer processes it. */
  onOver(held: LeasedJob<Data, Result>): void {
    if (held.stalls > 0) this.#quarantine.onOver(held);
  }

  /** The lease is lost: a job whose processor does not run is dropped. */
  lose(held: LeasedJob<Data, Result>): void {
    this.#ready.remove(held);
    if (!held.hasStarted) this.free(held);
    this.onOver(held);
  }

  /** The jobs that may begin have changed. */
  onQuarantine(): void {
    this.fill();
    this.#handlers.onFree();
  }

  /** Begins nothing more, and gives back the waiting jobs. */
  close(): void {
    this.pause();
    this.#isClosed = true;
  }

  /** The same, until {@link resume}. */
  pause(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#heldUpTimer?.cancel();
    this.#heldUpTimer = undefined;
    clearImmediate(this.#nextTurn);
    this.#nextTurn = undefined;
    this.#quarantine.leave(this);
    for (const held of this.#ready.takeAll()) this.#giveBack(held);
    for (const held of this.#due.splice(0)) {
      if (!this.#running.has(held)) continue;
      this.free(held);
      this.#giveBack(held);
    }
  }

  resume(): void {
    if (this.#isOpen || this.#isClosed) return;
    this.#isOpen = true;
    this.#quarantine.join(this);
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
      this.#filledAtMs = this.#clock.nowMs();
      return this.#hasTime(this.#filledAtMs) ? this.#ready.next() : undefined;
    }
    const stalled = this.#ready.firstStalled;
    if (stalled === undefined || this.#running.size >= concurrency || !this.#quarantine.take(stalled)) return undefined;
    this.#ready.remove(stalled);
    this.#filledAtMs = this.#clock.nowMs();
    return stalled;
  }

  #begin(held: LeasedJob<Data, Result>, nowMs: number): void {
    this.#waitingSinceMs = nowMs;
    if (this.#isLeaseOver(held, nowMs)) {
      this.#giveBack(held);
    } else if (held.stalls > 0 || !beginsByClaim(this.#config.maxStalledCount)) {
      this.#beginAndWait(held);
    } else {
      if (this.#unannounced.size === 0) this.#dispatcher.atFlush(this.#announce);
      this.#unannounced.add(held);
      this.#run(held, nowMs);
    }
  }

  /**
   * Whether a job that its claim has begun can run at once, as it must: its lease would count if it expired. Slots are reserved for the
   * jobs that a claim begins; but other jobs may run alone by now.
   */
  #mayRun(held: LeasedJob<Data, Result>, nowMs: number): boolean {
    return this.#running.size < this.#config.concurrency && !this.#quarantine.isActive && !this.#isLeaseOver(held, nowMs);
  }

  /** Gives the job back. The worker holds fewer jobs, without a job that ended, and may claim others. */
  #giveBack(held: LeasedJob<Data, Result>): void {
    this.#handlers.giveBack(held);
    this.onOver(held);
    this.#handlers.onFree();
  }

  /** Gives the job a slot. The job has begun. */
  #run(held: LeasedJob<Data, Result>, nowMs: number): void {
    this.#running.add(held);
    if (this.#due.length === 0 && this.#hasTime(nowMs)) this.#call(held, nowMs);
    else this.#due.push(held);
  }

  #call(held: LeasedJob<Data, Result>, nowMs: number): void {
    if (held.stalls > 0) this.#quarantine.onRun(held);
    this.#handlers.run(held, nowMs);
  }

  /** Whether processors may be called in this turn of the event loop, or only in the next. */
  #hasTime(nowMs: number): boolean {
    if (this.#nextTurn !== undefined) return nowMs - this.#turnStartedMs < SLICE_MS;
    this.#turnStartedMs = nowMs;
    this.#nextTurn = setImmediate(this.#onNextTurn);
    return true;
  }

  readonly #onNextTurn = (): void => {
    this.#nextTurn = undefined;
    for (let held = this.#due[0]; held !== undefined; held = this.#due[0]) {
      const nowMs = this.#clock.nowMs();
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

  /** Waiting for a slot alone never extends a lease: a job whose lease may be over is not begun. */
  #isLeaseOver(held: LeasedJob<Data, Result>, nowMs: number): boolean {
    return nowMs >= held.extendedAtMs + this.#config.leaseMs;
  }

  // ---- begins

  readonly #announce = (): void => {
    for (const held of this.#unannounced) {
      this.#unannounced.delete(held);
      this.#sendBegin(held, {
        onResult: (result) => {
          // A lost lease is reported by the next extension, or by the rejection of the job's report.
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
      // Otherwise it was given back or its lease was lost meanwhile.
      return this.#running.has(held);
    };
    this.#sendBegin(held, {
      onResult: (result) => {
        if (!onReplied()) return;
        if (!result.ok || !this.#isOpen) {
          this.#drop(held, result.ok || isLeaseGone(result.code) ? undefined : unexpectedResult(result));
          return;
        }
        this.#run(held, this.#clock.nowMs());
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
      write: (encoder) => encoder.command('begin', { jobId: held.id, token: held.token }),
      untilMs: () => held.extendedAtMs + this.#config.leaseMs,
      endsLease: false,
      outlivesOutage: () => !this.#isClosed,
      onResult: (result: OperationResult) => replies.onResult(result),
      onError: (error) => replies.onError(error),
    };
    try {
      this.#dispatcher.keep(OPERATION_BYTES, call);
    } catch (error) {
      call.onError(error as Error);
    }
  }

  // ---- jobs that wait too long

  /** One timer while jobs wait; it checks again instead of being reset for each job. */
  #watch(): void {
    if (!this.#isOpen || this.#ready.size === 0 || this.#heldUpTimer !== undefined) return;
    const inMs = this.#waitingSinceMs + this.#heldUpMs - this.#clock.nowMs();
    // After a pause of the event loop timers run first. Jobs that ended meanwhile are known one phase later.
    this.#heldUpTimer = this.#clock.setTimer(() => setImmediate(this.#onHeldUpTimer), Math.max(1, inMs));
  }

  /** Claiming ahead should save the time of a claim. */
  get #heldUpMs(): number {
    return Math.max(HELD_UP_MS_MIN, this.#intake.claimMs);
  }

  readonly #onHeldUpTimer = (): void => {
    this.#heldUpTimer = undefined;
    if (!this.#isOpen || this.#ready.size === 0) return;
    if (this.#clock.nowMs() - this.#waitingSinceMs < this.#heldUpMs) {
      this.#watch();
    } else if (this.#running.size >= this.#config.concurrency) {
      this.#intake.onHeldUp();
      for (const held of this.#ready.takeAll()) this.#giveBack(held);
    }
    // If slots are free, jobs wait here for the end of a quarantine.
  };
}
