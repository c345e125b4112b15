import { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { ClientConfig } from '../client-options.ts';
import { CLIENT_CLOSED } from '../closed-reason.ts';
import { Batch } from './batch.ts';
import type { BatchBuilder } from './batch-builder.ts';
import type { Connection } from './connection.ts';
import type { DeliveryHost } from './host.ts';
import type { PendingOperation } from './pending-operation.ts';
import type { SessionQueues } from './session-queues.ts';

/** The parts of the dispatcher that waiting queries use. */
interface WaitingQueryParts {
  readonly config: ClientConfig;
  readonly connection: Connection;
  readonly sessionQueues: SessionQueues;
  readonly batchBuilder: BatchBuilder;
  readonly host: Pick<DeliveryHost, 'nowMs'>;
}

/** Linearizable queries that wait at their node until there is something to read, each a request of its own. They can be cancelled. */
export class WaitingQueries {
  readonly #parts: WaitingQueryParts;
  readonly #flushLater: () => void;
  readonly #encoder = new RequestEncoder(256);

  /** @param flushLater sends the queued batches at the end of this turn. */
  constructor(parts: WaitingQueryParts, flushLater: () => void) {
    this.#parts = parts;
    this.#flushLater = flushLater;
  }

  /**
   * @param write one operation.
   * @param waitMs how long the node may hold it.
   * @returns the query, to {@link cancel} it.
   * @throws {ClientClosedError | ClusterClosedError} and nothing is sent.
   */
  submit(write: (encoder: RequestEncoder) => void, waitMs: number, call: PendingOperation): Batch {
    const { config, sessionQueues, batchBuilder, host } = this.#parts;
    batchBuilder.checkOpen();
    this.#encoder.begin(1, 1, 1);
    write(this.#encoder);
    const parts = { request: this.#encoder.finish(), calls: [call], kept: 0, keptBytes: 0 };
    const batch = new Batch(parts, host.nowMs() + waitMs + config.deadlineMs, { waitMs, consistency: 'linearizable' });
    sessionQueues.waitingQueries.queued.push(batch);
    this.#flushLater();
    return batch;
  }

  /** Its call is rejected before this method returns, unless it is over. */
  cancel(batch: Batch): void {
    const { connection, sessionQueues } = this.#parts;
    if (!sessionQueues.holds(batch)) return;
    const { client, sequence, node, uncertainSends } = batch;
    sessionQueues.withdraw(batch);
    if (uncertainSends > 0) connection.sendFrame(node, { type: 'cancel-claim', client, sequence });
    batch.fail(CLIENT_CLOSED('not-applied'));
    this.#flushLater();
  }

  /** The client closes: cancels all of them. */
  close(): void {
    for (const batch of this.#parts.sessionQueues.waiters().filter(({ isRead }) => isRead)) this.cancel(batch);
  }
}
