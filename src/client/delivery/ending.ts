import type { ClosedReason } from '../closed-reason.ts';
import type { Batch } from './batch.ts';
import type { BatchBuilder } from './batch-builder.ts';
import type { Connection } from './connection.ts';
import type { SessionQueues } from './session-queues.ts';

/**
 * The end of a client whose cluster was closed: nothing is sent any more. Unsent calls are rejected at once. Sent calls may still
 * receive a reply from their node, and are rejected when all channels are lost.
 */
export class Ending {
  readonly #connection: Connection;
  readonly #sessionQueues: SessionQueues;
  readonly #batchBuilder: BatchBuilder;
  #reason: ClosedReason | undefined;

  constructor(parts: { readonly connection: Connection; readonly sessionQueues: SessionQueues; readonly batchBuilder: BatchBuilder }) {
    this.#connection = parts.connection;
    this.#sessionQueues = parts.sessionQueues;
    this.#batchBuilder = parts.batchBuilder;
  }

  get isBegun(): boolean {
    return this.#reason !== undefined;
  }

  begin(reason: ClosedReason): void {
    this.#reason = reason;
    this.#batchBuilder.close(reason);
    // No worker is left for their jobs.
    for (const claim of this.#sessionQueues.takeWaiters()) this.#fail(claim, reason);
    this.settle();
  }

  /** Rejects the calls that can no longer receive a reply. Without effect until the end has begun. */
  settle(): void {
    const reason = this.#reason;
    if (reason === undefined) return;
    this.#batchBuilder.closeOpenBatches();
    this.#batchBuilder.closeQueries();
    for (const batch of this.#sessionQueues.takeQueued()) this.#fail(batch, reason);
    for (const batch of [...this.#sessionQueues.unanswered()]) {
      if (this.#connection.isOpen && batch.uncertainSends > 0) continue;
      this.#sessionQueues.remove(batch);
      this.#fail(batch, reason);
    }
  }

  #fail(batch: Batch, reason: ClosedReason): void {
    this.#batchBuilder.release(batch);
    batch.fail(reason(batch.outcome));
  }
}
