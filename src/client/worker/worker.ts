import type { ClaimedJob } from '../../protocol/reply.ts';
import { startSpan } from '../../tracing/span.ts';
import { WORKER_MISSING } from '../api/bullmq-names.ts';
import { acquireClient, type SharedClient } from '../api/connection-source.ts';
import type { Job } from '../api/job.ts';
import { QueueCommands } from '../api/job-commands.ts';
import { jobOfClaim } from '../api/job-of.ts';
import { addMissingNames } from '../api/not-supported.ts';
import { checkQueueName } from '../api/queue-name.ts';
import type { ClientClock } from '../clock.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { ClientClosedError, ClusterClosedError, isUnrecoverable, LeaseLostError } from '../errors.ts';
import { aBoolean, checkOptions } from '../option-check.ts';
import { encodeValue } from '../payload.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { PayloadTooLargeError } from '../size-errors.ts';
import { toError } from '../thrown.ts';
import { ClaimSchedulers } from './claim-scheduler.ts';
import { JobClaimer } from './job-claimer.ts';
import { JobCompletion, JobFailure, type JobReportHandlers, type ReportedFailure, reasonOf } from './job-report.ts';
import { JobSlots } from './job-slots.ts';
import { LeaseRenewer } from './lease-renewer.ts';
import { LeasedJob } from './leased-job.ts';
import { openProcessor } from './open-processor.ts';
import type { Processor } from './processor.ts';
import { Progress } from './progress.ts';
import { Quarantine } from './quarantine.ts';
import { readStalledJob } from './stalled-job.ts';
import { WorkerEmitter, type WorkerEvents } from './worker-events.ts';
import { changeConcurrency, type WorkerConfig, type WorkerOptions } from './worker-options.ts';
import { beginPause, type WorkerPause } from './worker-pause.ts';

export { UnrecoverableError } from '../errors.ts';
export type { Processor, WorkerEvents, WorkerOptions };

/**
 * The consumer's side of one named queue: claims jobs, runs the processor, and reports the outcome. A job that was lost to another
 * worker can never be completed by this one. What BullMQ's class has and this one lacks is an error in TypeScript, and a
 * {@link NotSupportedError} at run time.
 */
export class Worker<Data = unknown, Result = unknown> extends WorkerEmitter<Data, Result> implements AsyncDisposable {
  readonly name: string;
  readonly #config: WorkerConfig;
  readonly #clock: ClientClock;
  readonly #lease: SharedClient;
  readonly #dispatcher: Dispatcher;
  readonly #commands: QueueCommands;
  readonly #unsubscribe: () => void;
  readonly #sandbox: Sandbox<Data, Result> | undefined;
  readonly #processor: Processor<Data, Result>;
  readonly #intake: JobClaimer;
  readonly #keeper: LeaseRenewer<Data, Result>;
  readonly #slots: JobSlots<Data, Result>;
  readonly #reports: JobReportHandlers<Data, Result>;
  /** Unanswered operations that end a job. */
  #ending = 0;
  #isStarted = false;
  #pause: WorkerPause | undefined;
  #isClosing = false;
  #closing: Promise<void> | undefined;
  readonly #closed: Promise<void>;
  #onClosed!: () => void;
  readonly #progress = new Progress();

  static {
    addMissingNames(Worker, 'Worker', WORKER_MISSING);
  }

  /**
   * @param processor a function, or the path (relative to the working directory) or file: URL of a file whose export `process` (or
   * default) runs in a pool of threads. A file that does not exist is emitted as 'error', and fails each job until it exists.
   * @throws {UnknownOptionError | InvalidOptionError}
   * @throws {ProcessorFileError} for a URL that names no file of this machine.
   * @throws {SandboxCodeMissingError} for a file if jobraft is part of a bundle.
   */
  constructor(name: string, processor: Processor<Data, Result> | string | URL, options: WorkerOptions) {
    super();
    this.#closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    checkQueueName(name);
    const { config, run, sandbox } = openProcessor(processor, options, (error) => this.#report(error));
    this.#config = config;
    this.#processor = run;
    this.#sandbox = sandbox;
    this.name = name;
    this.#lease = acquireClient(options.connection);
    const { clock, endpoint } = this.#lease.client;
    this.#clock = clock;
    this.#dispatcher = this.#lease.client.dispatcher;
    this.#commands = new QueueCommands(name, this.#dispatcher);
    const claimSchedulers = ClaimSchedulers.of(this.#dispatcher, endpoint.holder ?? 0, clock);
    const quarantine = Quarantine.of(endpoint);
    this.#intake = this.#newClaimer(quarantine, claimSchedulers);
    this.#keeper = this.#newRenewer();
    this.#slots = this.#newSlots(quarantine);
    this.#reports = this.#newReportHandlers();
    this.#unsubscribe = this.#lease.client.onClosed((error) => this.#onClientClosed(error));
    // Listeners are attached after the constructor: nothing may happen before the next microtask.
    if (this.#config.autorun) queueMicrotask(() => void this.run());
  }

  /**
   * Maximum number of jobs processed at the same time: the option, or fewer if a processor in a file has fewer threads. May be set at any time;
   * jobs that run go on. @throws {InvalidOptionError} when it is set to another value than an integer from 1 on.
   */
  get concurrency(): number {
    return this.#config.concurrency;
  }

  set concurrency(concurrency: number) {
    changeConcurrency(this.#config, concurrency);
    this.#slots.fill();
    this.#intake.request();
  }

  /** Whether it was started, by itself or by run(), and is not closed or about to be. */
  isRunning(): boolean {
    return this.#isStarted && !this.#isClosing;
  }

  async waitUntilReady(): Promise<void> {
    await this.#lease.client.connect(this.name);
  }

  /** Begins to work. @returns a promise that resolves when the worker is closed. May be called twice. */
  run(): Promise<void> {
    if (!this.#isStarted && !this.#isClosing) {
      this.#isStarted = true;
      this.#keeper.start();
      this.#startIntake();
    }
    return this.#closed;
  }

  /**
   * Claims no more until {@link resume}, and gives back jobs that were not begun; jobs that run go on. Other workers get the queue's jobs:
   * to pause them all, see {@link Queue.pause}. May be called before run().
   * @param doNotWaitActive resolves at once, and not when the running jobs have ended.
   */
  async pause(doNotWaitActive = false): Promise<void> {
    checkOptions(aBoolean, doNotWaitActive, ['doNotWaitActive']);
    if (this.#isClosing) return;
    this.#pause ??= beginPause(this.#intake, this.#slots, () => this.#progress.notify());
    const pause = this.#pause;
    const isOver = (): boolean => this.#pause !== pause || this.#isClosing;
    if (!doNotWaitActive) await this.#progress.until(() => isOver() || (this.#isIdle() && pause.isClaimOver));
    if (pause.isEmitted || isOver()) return;
    pause.isEmitted = true;
    this.emitToListeners('paused');
  }

  /** Claims again after {@link pause}. Without effect on a worker that is closed, or about to be. */
  resume(): void {
    if (this.#pause === undefined || this.#isClosing) return;
    this.#pause = undefined;
    this.#slots.resume();
    if (this.#isStarted) this.#startIntake();
    this.#progress.notify();
    this.emitToListeners('resumed');
  }

  isPaused(): boolean {
    return this.#pause !== undefined;
  }

  /**
   * Claims no more, gives back jobs that were not begun, and awaits the running ones. May be called twice, and before run().
   * @param isForced does not wait: running jobs are aborted and given back too.
   */
  close(isForced = false): Promise<void> {
    if (isForced) for (const held of this.#slots.running) this.#abandon(held);
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    const claimsOver = this.#intake.stop();
    this.#slots.close();
    this.#progress.notify();
    await this.#progress.until(() => this.#isIdle());
    await claimsOver;
    this.#keeper.stop();
    await this.#sandbox?.close();
    this.#unsubscribe();
    this.#commands.close();
    await this.#lease.release();
    this.emitToListeners('closed');
    this.#onClosed();
  }

  /** Jobs of processes that ended come first. */
  #startIntake(): void {
    const { departedReleased } = this.#lease.client;
    const start = (): void => {
      if (!this.#isClosing && this.#pause === undefined) this.#intake.start();
    };
    if (departedReleased === undefined) start();
    else void departedReleased.then(start);
  }

  /** No job runs, all reports have their replies, and no claim is unanswered but one that waits. */
  #isIdle(): boolean {
    return this.#slots.running.size === 0 && this.#ending === 0 && !this.#intake.isClaiming;
  }

  #newClaimer(quarantine: Quarantine, claimSchedulers: ClaimSchedulers): JobClaimer {
    return new JobClaimer(
      this.name,
      this.#config,
      this.#dispatcher,
      { claimSchedulers, quarantine },
      {
        running: () => this.#slots.running.size,
        ready: () => this.#slots.ready,
        onJobs: (jobs, askedAtMs) => this.#onJobs(jobs, askedAtMs),
        onDrained: () => this.emitToListeners('drained'),
        hasDrainedListener: () => this.listenerCount('drained') > 0,
        onError: (error) => this.#report(error),
      },
      this.#clock,
    );
  }

  #newRenewer(): LeaseRenewer<Data, Result> {
    return new LeaseRenewer(
      this.#config.leaseMs,
      this.#dispatcher,
      {
        held: () => this.#slots.held(),
        onLost: (held) => this.#onLeaseLost(held),
        onError: (error) => this.#report(error),
      },
      this.#clock,
    );
  }

  #newSlots(quarantine: Quarantine): JobSlots<Data, Result> {
    return new JobSlots(
      this.#config,
      quarantine,
      this.#dispatcher,
      this.#intake,
      {
        run: (held, nowMs) => void this.#process(held, nowMs),
        giveBack: (held) => this.#giveBack(held),
        onFree: () => {
          this.#intake.request();
          this.#progress.notify();
        },
        onError: (error) => this.#report(error),
      },
      this.#clock,
    );
  }

  #newReportHandlers(): JobReportHandlers<Data, Result> {
    return {
      queue: this.name,
      leaseMs: this.#config.leaseMs,
      outlivesOutage: () => !this.#isClosing,
      onReply: (held) => this.#onReportReply(held),
      onCompleted: (held, result) => this.#onCompleted(held, result),
      onFailed: (held, failure) => this.#onFailed(held, failure),
      onLost: (held) => this.#onLeaseLost(held),
      // Another attempt would fail as well.
      onTooLarge: (held, error) => this.#send(held, this.#failureOf(held, error)),
      onError: (error) => this.#report(error),
    };
  }

  #onJobs(jobs: readonly ClaimedJob[], askedAtMs: number): void {
    // The lease runs from when the claim was applied: after it was sent, and after the last moment before its reply arrived.
    const leasedFromMs = Math.max(askedAtMs, this.#keeper.aliveAtMs);
    const holder = this.jobHolder(this.#slots.running);
    const jobOf = (claimed: ClaimedJob): Job<Data, Result> => jobOfClaim(this.name, this.#commands, claimed, holder);
    const held = jobs.map((claimed) => new LeasedJob<Data, Result>(jobOf(claimed), claimed, leasedFromMs));
    this.#slots.add(held);
    this.#progress.notify();
  }

  async #process(held: LeasedJob<Data, Result>, startedMs: number): Promise<void> {
    held.onStarted(this.#clock.wallMs());
    this.emitToListeners('active', held.job);
    held.span = startSpan('process', this.name, held.shownId);
    let report: JobCompletion<Data, Result> | JobFailure<Data, Result>;
    try {
      const result = await (held.span === undefined ? this.#run(held) : held.span.activate(() => this.#run(held)));
      const bytes = encodeValue(result);
      const { payloadBytesMax } = this.#dispatcher.config;
      if (bytes.length > payloadBytesMax) throw new PayloadTooLargeError(bytes.length, payloadBytesMax);
      held.span?.end();
      report = new JobCompletion(held, this.#reports, result, bytes);
    } catch (thrown) {
      held.span?.fail(thrown);
      report = this.#failureOf(held, toError(thrown));
    }
    this.#slots.free(held);
    this.#intake.observeJobMs(this.#clock.nowMs() - startedMs);
    if (held.ending !== undefined) this.#slots.onOver(this.onEndedByTransaction(held, this.#clock.wallMs(), report.thrown));
    else if (!held.isLost) this.#send(held, report);
    this.#slots.fill();
    this.#intake.request();
    this.#progress.notify();
  }

  #run(held: LeasedJob<Data, Result>): Result | Promise<Result> {
    return this.#processor(held.job, String(held.token), held.signal);
  }

  #failureOf(held: LeasedJob<Data, Result>, error: Error): JobFailure<Data, Result> {
    return new JobFailure(held, this.#reports, { error, reason: reasonOf(error), mayRetry: !isUnrecoverable(error) });
  }

  /** Sends the outcome of a job. */
  #send(held: LeasedJob<Data, Result>, report: JobCompletion<Data, Result> | JobFailure<Data, Result>): void {
    held.isEnded = true;
    this.#ending += 1;
    try {
      this.#dispatcher.keep(report.bytes, report);
    } catch (error) {
      // The client is closed: the lease expires, and the job is tried again.
      report.onError(error as Error);
    }
  }

  #onReportReply(held: LeasedJob<Data, Result>): void {
    this.#ending -= 1;
    this.#slots.onOver(held);
    this.#progress.notify();
  }

  #onCompleted(held: LeasedJob<Data, Result>, result: Result): void {
    held.onCompleted(result, this.#clock.wallMs());
    this.emitToListeners('completed', held.job, result);
  }

  #onFailed(held: LeasedJob<Data, Result>, { error, reason, mayRetry }: ReportedFailure): void {
    held.onFailed(reason, mayRetry, this.#clock.wallMs());
    this.emitToListeners('failed', held.job, error);
  }

  /** Releases a job; another worker may begin it at once. */
  #giveBack(held: LeasedJob<Data, Result>): void {
    held.isEnded = true;
    this.#ending += 1;
    const { id, token, extendedAtMs } = held;
    this.#dispatcher.giveBack({ id, token }, extendedAtMs + this.#config.leaseMs, () => {
      this.#ending -= 1;
      this.#progress.notify();
    });
  }

  #onLeaseLost(held: LeasedJob<Data, Result>): void {
    if (held.isLost) return;
    const error = new LeaseLostError(held.shownId);
    held.lose(error);
    this.#slots.lose(held);
    this.#slots.fill();
    if (held.hasStarted) this.emitToListeners('stalled', held.job, error);
    if (this.listenerCount('failed') > 0) this.#emitIfFailed(held);
    this.#intake.request();
    this.#progress.notify();
  }

  /** The stall may have failed the job. No report of this worker shows that. */
  #emitIfFailed(held: LeasedJob<Data, Result>): void {
    this.#ending += 1;
    readStalledJob<Data, Result>(this.#dispatcher, this.#commands, held, (failure) => {
      this.#ending -= 1;
      if (failure !== undefined) this.emitToListeners('failed', failure.job, failure.error);
      this.#progress.notify();
    });
  }

  /** The worker's calls can no longer take effect: it emits one error and stops. A closing worker no longer waits for its jobs. */
  #onClientClosed(error: Error): void {
    if (!this.#isClosing || this.#slots.running.size > 0) this.emitError(error);
    this.#isClosing = true;
    void this.close(true);
  }

  #abandon(held: LeasedJob<Data, Result>): void {
    held.lose(new ClientClosedError());
    this.#slots.free(held);
    this.#giveBack(held);
    this.#slots.onOver(held);
  }

  /** An error without a listener must not end the process: the worker goes on, and emits a warning. */
  #report(error: Error): void {
    if (this.#isClosing && (error instanceof ClientClosedError || error instanceof ClusterClosedError)) return;
    this.emitError(error);
  }
}
