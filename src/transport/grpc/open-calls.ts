import type { EventEmitter } from 'node:events';
import type { CallBounds } from './call-bounds.ts';
import { errorMetadata } from './call-status.ts';
import type { CallRejection, ServerCall } from './caller.ts';

type Reply = (error: CallRejection | null, ...rest: readonly unknown[]) => void;

export interface GuardedCall {
  readonly call: ServerCall;
  /** Undefined for a stream. */
  readonly reply: Reply | undefined;
  /** Why the call is not permitted, now. */
  readonly rejectionOf: () => CallRejection | undefined;
  /** Undefined for a call that no client makes. */
  readonly bounds: CallBounds | undefined;
  readonly serve: (call: ServerCall, reply: Reply | undefined) => void;
}

/** The calls in progress of a server. Each was permitted when it began, and may be no longer. */
export class OpenCalls {
  readonly #rechecks = new Set<() => void>();

  /** Serves the call, or rejects it. */
  begin(guarded: GuardedCall): void {
    const { call, reply, rejectionOf, bounds, serve } = guarded;
    const rejection = rejectionOf() ?? bounds?.begin();
    if (rejection !== undefined) {
      bounds?.onRejected();
      if (reply === undefined) call.emit('error', rejection);
      else reply(rejection);
    } else if (reply === undefined) {
      this.#watchStream(guarded);
      serve(call, undefined);
    } else serve(call, this.#watched(guarded, reply));
  }

  /** What permits calls has changed: those that are not permitted any more end. */
  recheck(): void {
    for (const recheck of [...this.#rechecks]) recheck();
  }

  #watchStream({ call, rejectionOf, bounds }: GuardedCall): void {
    const recheck = (): void => {
      const rejection = rejectionOf();
      if (rejection !== undefined) call.emit('error', rejection);
    };
    const over = (): void => {
      if (this.#rechecks.delete(recheck)) bounds?.end();
    };
    this.#rechecks.add(recheck);
    const stream: EventEmitter = call;
    stream.on('close', over).on('finish', over).on('cancelled', over).on('error', over);
  }

  /** @returns the reply, which is sent once. */
  #watched({ call, rejectionOf, bounds }: GuardedCall, reply: Reply): Reply {
    let isOver = false;
    const end: Reply = (...result) => {
      if (isOver) return;
      isOver = true;
      over();
      reply(...result);
    };
    const recheck = (): void => {
      const rejection = rejectionOf();
      if (rejection === undefined) return;
      // What the call has begun may still take effect; a claim gives back what it gets.
      call.emit('cancelled', 'cancelled');
      end({ ...rejection, metadata: errorMetadata('ACCESS_DENIED', 'unknown') });
    };
    const over = (): void => {
      if (this.#rechecks.delete(recheck)) bounds?.end();
    };
    this.#rechecks.add(recheck);
    const emitter: EventEmitter = call;
    emitter.on('cancelled', over);
    return end;
  }
}
