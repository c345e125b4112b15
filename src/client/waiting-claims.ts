import { type ClaimOptions, RequestEncoder } from '../protocol/request-encoder.ts';
import { Batch } from './batch.ts';
import type { BatchBuilder } from './batch-builder.ts';
import type { ClientConfig } from './client-options.ts';
import type { Connection } from './connection.ts';
import type { DeadlineTimer } from './deadline-timer.ts';
import { CLIENT_CLOSED } from './ending.ts';
import type { LateClaims } from './late-claims.ts';
import type { PendingOperation } from './pending-operation.ts';
import type { SessionQueues } from './session-queues.ts';

/** What the claims that wait need of their pipeline. */
interface WaitingClaimParts {
  readonly config: ClientConfig;
  readonly connection: Connection;
  readonly lanes: SessionQueues;
  readonly intake: BatchBuilder;
  readonly wakeup: DeadlineTimer;
}

/** Claims that wait at the cluster until there is a job, each a request of its own. They can be cancelled. */
export class WaitingClaims {
  readonly #parts: WaitingClaimParts;
  readonly #schedule: () => void;
  readonly #encoder = new RequestEncoder(256);

  /** @param schedule has what was queued sent at the end of this turn. */
  constructor(parts: WaitingClaimParts, schedule: () => void) {
    this.#parts = parts;
    this.#schedule = schedule;
  }

  /** @returns the claim, to {@link cancel} it. @throws {ClientClosedError | ClusterClosedError} */
  submit(queue: string, options: ClaimOptions, call: PendingOperation): Batch {
    const { config, lanes, intake } = this.#parts;
    intake.checkOpen();
    this.#encoder.begin(1, 1, 1);
    this.#encoder.claim(queue, options);
    const { waitMs } = options;
    const deadlineMs = performance.now() + waitMs + config.deadlineMs;
    const request = this.#encoder.finish();
    const batch = new Batch({ request, calls: [call], kept: 0, keptBytes: 0 }, deadlineMs, { waitMs });
    lanes.waiting.queued.push(batch);
    this.#schedule();
    return batch;
  }

  /**
   * Has a claim answered now, with what it has taken if it took anything. A claim that certainly took nothing ends here, and its call gets
   * its result before this method returns. A claim that is over already is left alone.
   */
  cancel(batch: Batch): void {
    const { config, lanes, wakeup } = this.#parts;
    if (batch.isCancelled || !lanes.holds(batch)) return;
    batch.isCancelled = true;
    if (this.endIfCancelled(batch)) return;
    const nowMs = performance.now();
    batch.deadlineMs = Math.min(batch.deadlineMs, nowMs + config.deadlineMs);
    batch.sentAtMs = nowMs;
    if (!batch.needsSend) this.onSent(batch, batch.node);
    wakeup.at(Math.min(batch.deadlineMs, batch.silentAtMs(config.silenceMs)));
  }

  /** The client closes: cancels all of them. Their callers wait no longer, and what they bring is given back. */
  close(late: LateClaims): void {
    for (const claim of this.#parts.lanes.waitingClaims()) {
      this.cancel(claim);
      if (this.#parts.lanes.holds(claim)) claim.failOrdinary(CLIENT_CLOSED('unknown'), (call) => late.successorOf(call));
    }
  }

  /** The claim was sent to a node. Its cancellation follows on the same channel; if it is lost, silence has both sent again. */
  onSent({ isCancelled, session, sequence }: Batch, node: number): void {
    if (isCancelled && session !== undefined)
      this.#parts.connection.sendFrame(node, { type: 'cancel-claim', client: session.client, sequence });
  }

  /** A cancelled claim of which every sending was rejected as not applied has taken nothing. @returns whether it ended. */
  endIfCancelled(batch: Batch): boolean {
    if (!batch.isCancelled || batch.uncertainSends > 0) return false;
    this.#parts.lanes.withdraw(batch);
    batch.completeWithoutJobs();
    this.#schedule();
    return true;
  }
}
