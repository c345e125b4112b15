import type { JobraftError, Outcome } from '../../base/errors.ts';
import type { ClientFrame, LogEntryView, NodeStatus } from '../../protocol/client-frame.ts';
import type { ClientClock, ClientTimer } from '../clock.ts';
import type { ClosedReason } from '../closed-reason.ts';
import type { AdminRejection, Connection } from '../delivery/connection.ts';
import { AdminRejectedError, DeadlineError, NodeUnavailableError } from '../errors.ts';
import { AccessDeniedError } from '../outage-errors.ts';

/** The requested members; see the membership change of `src/raft`. */
export interface MemberChange {
  readonly add?: readonly number[];
  readonly remove?: readonly number[];
  readonly learners?: readonly number[];
}

interface PendingCall {
  readonly node: number;
  /** What is known of the call while it has no reply. */
  readonly lateOutcome: Outcome;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: JobraftError) => void;
  readonly timer: ClientTimer;
}

/** Requests to one named node: GetStatus, GetLog, membership changes, leadership transfer. They are never repeated here. */
export class AdminCalls {
  readonly #connection: Connection;
  readonly #deadlineMs: number;
  readonly #clock: ClientClock;
  readonly #pending = new Map<number, PendingCall>();
  #lastCall = 0;

  constructor(connection: Connection, deadlineMs: number, clock: ClientClock) {
    this.#clock = clock;
    this.#connection = connection;
    this.#deadlineMs = deadlineMs;
  }

  status(node: number): Promise<NodeStatus> {
    return this.#ask(node, (call) => ({ type: 'status', call }));
  }

  log(node: number, from: number, to: number): Promise<readonly LogEntryView[]> {
    return this.#ask(node, (call) => ({ type: 'log', call, from, to }));
  }

  change(node: number, change: MemberChange): Promise<void> {
    const { add = [], remove = [], learners = [] } = change;
    return this.#ask(node, (call) => ({ type: 'change', call, add, remove, learners }), 'unknown');
  }

  transfer(node: number, to: number): Promise<void> {
    return this.#ask(node, (call) => ({ type: 'transfer', call, to }), 'unknown');
  }

  onDone(call: number): void {
    this.#take(call)?.resolve(undefined);
  }

  onRejected({ call, reason, message, leader }: AdminRejection): void {
    this.#take(call)?.reject(reason === 'ACCESS_DENIED' ? new AccessDeniedError(message) : new AdminRejectedError(reason, message, leader));
  }

  onStatus(call: number, status: NodeStatus): void {
    this.#take(call)?.resolve(status);
  }

  onLog(call: number, entries: readonly LogEntryView[]): void {
    this.#take(call)?.resolve(entries);
  }

  onLost(node: number): void {
    for (const [call, pending] of this.#pending) if (pending.node === node) this.#take(call)?.reject(new NodeUnavailableError(node));
  }

  close(reason: ClosedReason): void {
    for (const [call, { lateOutcome }] of this.#pending) this.#take(call)?.reject(reason(lateOutcome));
  }

  #ask<Reply>(node: number, frameOf: (call: number) => ClientFrame, lateOutcome: Outcome = 'not-applied'): Promise<Reply> {
    return new Promise<Reply>((resolve, reject) => {
      // Zero is the client's own; the number has 32 bits.
      this.#lastCall = (this.#lastCall % 0xffff_fffe) + 1;
      const call = this.#lastCall;
      // After a pause of the event loop timers run before the replies that arrived meanwhile are read.
      const giveUp = (): void => this.#take(call)?.reject(new DeadlineError(lateOutcome, lateOutcome === 'not-applied'));
      const timer = this.#clock.setTimer(() => setImmediate(giveUp), this.#deadlineMs);
      // The only cast: the frame that carries this call's number back has the requested type.
      this.#pending.set(call, { node, lateOutcome, resolve: (reply) => resolve(reply as Reply), reject, timer });
      if (!this.#connection.sendFrame(node, frameOf(call))) this.#take(call)?.reject(new NodeUnavailableError(node));
    });
  }

  #take(call: number): PendingCall | undefined {
    const pending = this.#pending.get(call);
    if (pending === undefined) return undefined;
    this.#pending.delete(call);
    pending.timer.cancel();
    return pending;
  }
}
