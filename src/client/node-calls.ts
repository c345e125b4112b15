import type { JobraftError } from '../base/errors.ts';
import type { ClientFrame, LogEntryView, NodeStatus } from '../transport/client-frame.ts';
import type { Connection } from './connection.ts';
import { ClientClosedError, DeadlineError, NodeUnavailableError } from './errors.ts';

interface PendingCall {
  readonly node: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: JobraftError) => void;
  readonly timer: NodeJS.Timeout;
}

/** Questions to one named node: GetStatus and GetLog. They change nothing and are never repeated here. */
export class NodeCalls {
  readonly #connection: Connection;
  readonly #deadlineMs: number;
  readonly #pending = new Map<number, PendingCall>();
  #lastCall = 0;

  constructor(connection: Connection, deadlineMs: number) {
    this.#connection = connection;
    this.#deadlineMs = deadlineMs;
  }

  status(node: number): Promise<NodeStatus> {
    return this.#ask(node, (call) => ({ type: 'status', call }));
  }

  log(node: number, from: number, to: number): Promise<readonly LogEntryView[]> {
    return this.#ask(node, (call) => ({ type: 'log', call, from, to }));
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

  close(): void {
    for (const call of this.#pending.keys()) this.#take(call)?.reject(new ClientClosedError());
  }

  #ask<Answer>(node: number, frameOf: (call: number) => ClientFrame): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      // Zero is the client's own; the number stands in 32 bits.
      this.#lastCall = (this.#lastCall % 0xffff_fffe) + 1;
      const call = this.#lastCall;
      const timer = setTimeout(() => this.#take(call)?.reject(new DeadlineError('not-applied')), this.#deadlineMs);
      // The only cast: the frame that carries this call's number back is of the kind that was asked for.
      this.#pending.set(call, { node, resolve: (answer) => resolve(answer as Answer), reject, timer });
      if (!this.#connection.sendFrame(node, frameOf(call))) this.#take(call)?.reject(new NodeUnavailableError(node));
    });
  }

  #take(call: number): PendingCall | undefined {
    const pending = this.#pending.get(call);
    if (pending === undefined) return undefined;
    this.#pending.delete(call);
    clearTimeout(pending.timer);
    return pending;
  }
}
