import type { ReadConsistency } from '../protocol/client-frame.ts';
import { READ_CONSISTENCIES } from '../protocol/client-frame.ts';
import type { RequestEncoder } from '../protocol/request-encoder.ts';
import type { Batch } from './batch.ts';
import type { ClientConfig } from './client-options.ts';
import type { ClosedReason } from './ending.ts';
import { OverloadedError } from './errors.ts';
import { OpenBatch } from './open-batch.ts';
import type { PendingOperation, RepeatedOperation } from './pending-operation.ts';
import type { SessionQueues } from './session-queues.ts';

/** Comes before the lanes: operations gather into batches here, as many as the client may hold. */
export class BatchBuilder {
  readonly #config: ClientConfig;
  readonly #lanes: SessionQueues;
  readonly #gathering = new OpenBatch(64 * 1024);
  /** Kept calls gather apart while batches wait to be sent, and go before those. */
  readonly #keptGathering = new OpenBatch(4 * 1024);
  /** Queries gather apart from what changes something, by how new their reply has to be. */
  readonly #queries = new Map(READ_CONSISTENCIES.map((consistency) => [consistency, new OpenBatch(1024, { consistency })]));
  #operations = 0;
  #bytes = 0;
  #kept = 0;
  #closed: ClosedReason | undefined;

  constructor(config: ClientConfig, lanes: SessionQueues) {
    this.#config = config;
    this.#lanes = lanes;
  }

  /** Operations that are not answered yet, kept ones and claims that wait not counted. */
  get operations(): number {
    return this.#operations;
  }

  /** Nothing is unanswered, but perhaps claims that wait. */
  get isIdle(): boolean {
    return this.#operations + this.#kept === 0;
  }

  /** When the oldest operation that gathers came in; infinity while there is none. */
  get sinceMs(): number {
    return Math.min(this.#gathering.sinceMs, this.#keptGathering.sinceMs);
  }

  get hasOpenBatch(): boolean {
    return this.#gathering.operations + this.#keptGathering.operations > 0;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Takes no more calls. The first reason is what those are rejected with. */
  close(reason: ClosedReason): void {
    this.#closed ??= reason;
  }

  /** @throws {ClientClosedError | ClusterClosedError} */
  checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed('not-applied');
  }

  /** @throws {ClientClosedError | ClusterClosedError | OverloadedError} and nothing is written. */
  open(payloadBytes: number): RequestEncoder {
    this.#checkRoom();
    if (this.#isFull(this.#gathering, payloadBytes)) this.#closeOpenBatch();
    return this.#gathering.encoder;
  }

  commit(call: PendingOperation, nowMs: number): void {
    this.#gathering.add(call, nowMs);
    this.#operations += 1;
  }

  keep(payloadBytes: number, call: RepeatedOperation, nowMs: number): void {
    const gathering = this.#lanes.main.queued.length === 0 ? this.#gathering : this.#keptGathering;
    if (this.#isFull(gathering, payloadBytes)) {
      if (gathering === this.#gathering) this.#closeOpenBatch();
      else this.#closeKept();
    }
    gathering.keep(call, nowMs);
    this.#kept += 1;
  }

  /** @throws {ClientClosedError | ClusterClosedError | OverloadedError} and nothing is written. */
  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void, call: PendingOperation, nowMs: number): void {
    this.#checkRoom();
    const gathering = this.#queries.get(consistency) as OpenBatch;
    if (gathering.operations >= this.#config.batchOperationsMax) this.#closeQueriesOf(consistency, gathering);
    write(gathering.encoder);
    gathering.add(call, nowMs);
    this.#operations += 1;
  }

  /** Closes what gathers and could be sent next. */
  closeNext(): void {
    if (this.#keptGathering.operations > 0) this.#closeKept();
    else if (this.#gathering.operations > 0 && this.#lanes.main.queued.length === 0) this.#closeOpenBatch();
  }

  /** Closes all that gathers: from now on the deadline of its calls is known. */
  closeOpenBatches(): void {
    if (this.#keptGathering.operations > 0) this.#closeKept();
    if (this.#gathering.operations > 0) this.#closeOpenBatch();
  }

  closeQueries(): void {
    for (const [consistency, gathering] of this.#queries) if (gathering.operations > 0) this.#closeQueriesOf(consistency, gathering);
  }

  /** What the batch still awaits is over, or goes on in `replacement`. */
  release(batch: Batch, replacement?: Batch): void {
    this.releaseOrdinary(batch, replacement);
    this.#kept += (replacement?.kept ?? 0) - batch.kept;
  }

  /** Likewise of all but the kept calls. */
  releaseOrdinary(batch: Batch, replacement?: Batch): void {
    if (!batch.isCounted) return;
    this.#operations += (replacement?.ordinary ?? 0) - batch.ordinary;
    this.#bytes += (replacement?.countedBytes ?? 0) - batch.countedBytes;
  }

  /** So many calls of a batch are answered; others are not. */
  releaseCompleted(calls: number): void {
    this.#operations -= calls;
  }

  /** One of the kept calls was rejected. */
  releaseKept(): void {
    this.#kept -= 1;
  }

  #isFull(gathering: OpenBatch, payloadBytes: number): boolean {
    const { batchBytesMax, batchOperationsMax } = this.#config;
    const count = gathering.operations;
    return count > 0 && (count >= batchOperationsMax || gathering.bytes + payloadBytes > batchBytesMax);
  }

  #closeOpenBatch(): void {
    this.#lanes.main.queued.push(this.#take(this.#gathering));
  }

  #closeKept(): void {
    this.#lanes.main.pushKept(this.#take(this.#keptGathering));
  }

  #closeQueriesOf(consistency: ReadConsistency, gathering: OpenBatch): void {
    const lane = consistency === 'stale' ? this.#lanes.stale : this.#lanes.queries;
    lane.queued.push(this.#take(gathering));
  }

  #take(gathering: OpenBatch): Batch {
    const batch = gathering.take(performance.now() + this.#config.deadlineMs);
    this.#bytes += batch.countedBytes;
    return batch;
  }

  #checkRoom(): void {
    this.checkOpen();
    const { queuedOperationsMax, queuedBytesMax } = this.#config;
    if (this.#operations >= queuedOperationsMax || this.#bytes + this.#gathering.countedBytes >= queuedBytesMax) {
      throw new OverloadedError(`${this.#operations} operations await their reply.`);
    }
  }
}
