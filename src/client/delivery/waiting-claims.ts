import { type ClaimOptions, RequestEncoder } from '../../protocol/request-encoder.ts';
import type { ClientConfig } from '../client-options.ts';
import { CLIENT_CLOSED } from '../closed-reason.ts';
import { Batch } from './batch.ts';
import type { BatchBuilder } from './batch-builder.ts';
import type { Connection } from './connection.ts';
import type { DeliveryHost } from './host.ts';
import type { LateClaims } from './late-claims.ts';
import type { PendingOperation } from './pending-operation.ts';
import type { SessionQueues } from './session-queues.ts';

/** The parts of the dispatcher that waiting claims use. */
interface WaitingClaimParts {
  readonly config: ClientConfig;
  readonly connection: Connection;
  readonly sessionQueues: SessionQueues;
  readonly batchBuilder: BatchBuilder;
  readonly host: Pick<DeliveryHost, 'nowMs'>;
}

/** Claims that wait at the cluster until there is a job, each a request of its own. They can be cancelled. */
export class WaitingClaims {
  readonly #parts: WaitingClaimParts;
  readonly #flushLater: () => void;
  readonly #wakeAt: (atMs: number) => void;
  readonly #encoder = new RequestEncoder(256);

  /**
   * @param flushLater sends the queued batches at the end of this turn.
   * @param wakeAt checks then what is due.
   */
  constructor(parts: WaitingClaimParts, flushLater: () => void, wakeAt: (atMs: number) => void) {
    this.#parts = parts;
    this.#flushLater = flushLater;
    this.#wakeAt = wakeAt;
  }

  /** @returns the claim, to {@link cancel} it. @throws {ClientClosedError | ClusterClosedError} */
  submit(queue: string, options: ClaimOptions, call: PendingOperation): Batch {
    const { config, sessionQueues, batchBuilder, host } = this.#parts;
    batchBuilder.checkOpen();
    this.#encoder.begin(1, 1, 1);
    this.#encoder.claim(queue, options);
    const { waitMs } = options;
    const deadlineMs = host.nowMs() + waitMs + config.deadlineMs;
    const request = this.#encoder.finish();
    const batch = new Batch({ request, calls: [call], kept: 0, keptBytes: 0 }, deadlineMs, { waitMs });
    sessionQueues.waiting.queued.push(batch);
    this.#flushLater();
    return batch;
  }

  /**
   * Requests the claim's reply now, with the jobs it has taken, if any. A claim that certainly took nothing ends here, and its call gets
   * its result before this method returns. A claim that is already over is ignored.
   */
  cancel(batch: Batch): void {
    const { config, sessionQueues, host } = this.#parts;
    if (batch.isCancelled || !sessionQueues.holds(batch)) return;
    batch.isCancelled = true;
    if (this.endIfCancelled(batch)) return;
    const nowMs = host.nowMs();
    batch.deadlineMs = Math.min(batch.deadlineMs, nowMs + config.deadlineMs);
    batch.sentAtMs = nowMs;
    if (!batch.needsSend) this.onSent(batch, batch.node);
    this.#wakeAt(Math.min(batch.deadlineMs, batch.silentAtMs(config.silenceMs)));
  }

  /** The client closes: cancels all of them. Their callers no longer wait, and the jobs they bring are given back. */
  close(late: LateClaims): void {
    for (const claim of this.#parts.sessionQueues.waiters()) {
      if (claim.isRead) continue;
      this.cancel(claim);
      if (this.#parts.sessionQueues.holds(claim)) claim.failOrdinary(CLIENT_CLOSED('unknown'), (call) => late.successorOf(call));
    }
  }

  /** The claim was sent to a node. Its cancellation follows on the same channel; if it is lost, the silence timeout sends both again. */
  onSent({ isCancelled, client, sequence }: Batch, node: number): void {
    if (isCancelled) this.#parts.connection.sendFrame(node, { type: 'cancel-claim', client, sequence });
  }

  /** A cancelled claim whose sendings were all rejected as not applied has taken nothing. @returns whether it ended. */
  endIfCancelled(batch: Batch): boolean {
    if (!batch.isCancelled || batch.uncertainSends > 0) return false;
    this.#parts.sessionQueues.withdraw(batch);
    batch.completeWithoutJobs();
    this.#flushLater();
    return true;
  }
}
