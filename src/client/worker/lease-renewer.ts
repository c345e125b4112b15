import type { OperationResult } from '../../protocol/reply.ts';
import { type ClientClock, type ClientTimer, SYSTEM_CLOCK } from '../clock.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import type { RepeatedOperation } from '../delivery/pending-operation.ts';
import { isLeaseGone, unexpectedResult } from '../result-errors.ts';
import type { LeasedJob } from './leased-job.ts';

export interface LeaseRenewerHandlers<Data, Result> {
  readonly held: () => readonly LeasedJob<Data, Result>[];
  readonly onLost: (held: LeasedJob<Data, Result>) => void;
  readonly onError: (error: Error) => void;
}

const OPERATION_BYTES = 32;

/** Extends the leases of all jobs that a worker holds, with one timer, three times a lease. */
export class LeaseRenewer<Data, Result> {
  readonly #leaseMs: number;
  readonly #clock: ClientClock;
  readonly #dispatcher: Dispatcher;
  readonly #handlers: LeaseRenewerHandlers<Data, Result>;
  readonly #extending = new Set<LeasedJob<Data, Result>>();
  #timer: ClientTimer | undefined;
  #isRunning = false;
  #aliveAtMs = 0;

  constructor(leaseMs: number, dispatcher: Dispatcher, handlers: LeaseRenewerHandlers<Data, Result>, clock: ClientClock = SYSTEM_CLOCK) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#dispatcher = dispatcher;
    this.#handlers = handlers;
  }

  /**
   * The event loop has read everything that had arrived by this moment, on the monotonic clock: a lease received later was granted
   * after it. At most a third of a lease old, unless the event loop was blocked.
   */
  get aliveAtMs(): number {
    return this.#aliveAtMs;
  }

  start(): void {
    this.#isRunning = true;
    this.#aliveAtMs = this.#clock.nowMs();
    this.#arm();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(() => this.#onTimer(), this.#leaseMs / 3);
  }

  #onTimer(): void {
    this.#arm();
    const nowMs = this.#clock.nowMs();
    // After a pause of the event loop timers run before the messages that arrived meanwhile are read; immediates run after them.
    setImmediate(() => {
      this.#aliveAtMs = nowMs;
    });
    for (const held of this.#handlers.held()) {
      // Jobs of the last half period are young enough for the next turn; then they still have a third of their lease.
      const isDue = nowMs - held.extendedAtMs >= this.#leaseMs / 6;
      if (isDue && !held.isLost && !held.isEnded && !this.#extending.has(held)) this.#extend(held, nowMs);
    }
  }

  #extend(held: LeasedJob<Data, Result>, nowMs: number): void {
    this.#extending.add(held);
    const call: RepeatedOperation = {
      write: (encoder) => encoder.command('extend', { jobId: held.id, token: held.token, leaseMs: this.#leaseMs }),
      untilMs: () => held.extendedAtMs + this.#leaseMs,
      endsLease: false,
      outlivesOutage: () => this.#isRunning,
      onResult: (result) => this.#onExtended(held, nowMs, result),
      onError: (error) => this.#onFailed(held, nowMs, error),
    };
    try {
      this.#dispatcher.keep(OPERATION_BYTES, call);
    } catch (error) {
      call.onError(error as Error);
    }
  }

  #onFailed(held: LeasedJob<Data, Result>, askedAtMs: number, error: Error): void {
    this.#extending.delete(held);
    this.#handlers.onError(error);
    const nowMs = this.#clock.nowMs();
    // Only a reply of the cluster ends a lease: a fresh term from a new leader may have kept it. An immediate failure would happen again.
    const hasTakenTime = nowMs - askedAtMs >= this.#leaseMs / 6;
    if (this.#isRunning && hasTakenTime && !held.isLost && !held.isEnded) this.#extend(held, nowMs);
  }

  #onExtended(held: LeasedJob<Data, Result>, askedAtMs: number, result: OperationResult): void {
    this.#extending.delete(held);
    if (result.ok) {
      held.extendedAtMs = askedAtMs;
      return;
    }
    if (held.isEnded) return;
    if (isLeaseGone(result.code)) this.#handlers.onLost(held);
    else this.#handlers.onError(unexpectedResult(result));
  }
}
