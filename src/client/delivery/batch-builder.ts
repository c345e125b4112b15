import type { ReadConsistency } from '../../protocol/client-frame.ts';
import { READ_CONSISTENCIES } from '../../protocol/client-frame.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { ClientConfig } from '../client-options.ts';
import type { ClosedReason } from '../closed-reason.ts';
import { OverloadedError } from '../errors.ts';
import type { Batch } from './batch.ts';
import type { DeliveryHost } from './host.ts';
import { OpenBatch } from './open-batch.ts';
import type { PendingOperation, RepeatedOperation } from './pending-operation.ts';
import type { SessionQueues } from './session-queues.ts';

/** Maximum time that a batch collects operations while it cannot be sent; the precision of its calls' deadlines. */
export const GATHER_MS_MAX = 250;

/** Collects operations into batches, before the session queues; bounds what the client holds. */
export class BatchBuilder {
  readonly #config: ClientConfig;
  readonly #sessionQueues: SessionQueues;
  readonly #host: Pick<DeliveryHost, 'nowMs'>;
  readonly #open = new OpenBatch(64 * 1024);
  /** Kept calls are collected separately while batches wait to be sent, and go before those. */
  readonly #openKept = new OpenBatch(4 * 1024);
  /** Queries are collected separately from writes, by consistency. */
  readonly #queries = new Map(READ_CONSISTENCIES.map((consistency) => [consistency, new OpenBatch(1024, { consistency })]));
  #operations = 0;
  #bytes = 0;
  #kept = 0;
  #closed: ClosedReason | undefined;

  constructor(config: ClientConfig, sessionQueues: SessionQueues, host: Pick<DeliveryHost, 'nowMs'>) {
    this.#config = config;
    this.#sessionQueues = sessionQueues;
    this.#host = host;
  }

  /** Unanswered operations, without kept ones and waiting claims. */
  get operations(): number {
    return this.#operations;
  }

  /** Nothing is unanswered, except perhaps waiting claims. */
  get isIdle(): boolean {
    return this.#operations + this.#kept === 0;
  }

  /** When the oldest operation of an open batch was issued; infinity if there is none. */
  get sinceMs(): number {
    return Math.min(this.#open.sinceMs, this.#openKept.sinceMs);
  }

  get hasOpenBatch(): boolean {
    return this.#open.operations + this.#openKept.operations > 0;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Accepts no more calls. They are rejected with the first reason. */
  close(reason: ClosedReason): void {
    this.#closed ??= reason;
  }

  /** @throws {ClientClosedError | ClusterClosedError} */
  checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed('not-applied');
  }

  /** @throws {ClientClosedError | ClusterClosedError | OverloadedError} and nothing is written. */
  open(payloadBytes: number): RequestEncoder {
    this.#checkCapacity();
    if (this.#isFull(this.#open, payloadBytes)) this.#closeOpenBatch();
    return this.#open.encoder;
  }

  commit(call: PendingOperation, nowMs: number): void {
    this.#open.add(call, nowMs);
    this.#operations += 1;
  }

  keep(payloadBytes: number, call: RepeatedOperation, nowMs: number): void {
    const openBatch = this.#sessionQueues.main.queued.length === 0 ? this.#open : this.#openKept;
    if (this.#isFull(openBatch, payloadBytes)) {
      if (openBatch === this.#open) this.#closeOpenBatch();
      else this.#closeKept();
    }
    openBatch.keep(call, nowMs);
    this.#kept += 1;
  }

  /** @throws {ClientClosedError | ClusterClosedError | OverloadedError} and nothing is written. */
  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void, call: PendingOperation, nowMs: number): void {
    this.#checkCapacity();
    const openBatch = this.#queries.get(consistency) as OpenBatch;
    if (openBatch.operations >= this.#config.batchOperationsMax) this.#closeQueriesOf(consistency, openBatch);
    write(openBatch.encoder);
    openBatch.add(call, nowMs);
    this.#operations += 1;
  }

  /** Closes the open batches that could be sent next. */
  closeNext(): void {
    if (this.#openKept.operations > 0) this.#closeKept();
    else if (this.#open.operations > 0 && this.#sessionQueues.main.queued.length === 0) this.#closeOpenBatch();
  }

  /** Closes all open batches: this fixes the deadline of their calls. */
  closeOpenBatches(): void {
    if (this.#openKept.operations > 0) this.#closeKept();
    if (this.#open.operations > 0) this.#closeOpenBatch();
  }

  closeQueries(): void {
    for (const [consistency, openBatch] of this.#queries) if (openBatch.operations > 0) this.#closeQueriesOf(consistency, openBatch);
  }

  /** The batch's unanswered calls are over, or continue in `replacement`. */
  release(batch: Batch, replacement?: Batch): void {
    this.releaseOrdinary(batch, replacement);
    this.#kept += (replacement?.kept ?? 0) - batch.kept;
  }

  /** The same for all but the kept calls. */
  releaseOrdinary(batch: Batch, replacement?: Batch): void {
    if (!batch.isCounted) return;
    this.#operations += (replacement?.ordinary ?? 0) - batch.ordinary;
    this.#bytes += (replacement?.countedBytes ?? 0) - batch.countedBytes;
  }

  /** This many calls of a batch have a reply; others have none yet. */
  releaseCompleted(calls: number): void {
    this.#operations -= calls;
  }

  /** One of the kept calls was rejected. */
  releaseKept(): void {
    this.#kept -= 1;
  }

  #isFull(openBatch: OpenBatch, payloadBytes: number): boolean {
    const { batchBytesMax, batchOperationsMax } = this.#config;
    const count = openBatch.operations;
    return count > 0 && (count >= batchOperationsMax || openBatch.bytes + payloadBytes > batchBytesMax);
  }

  #closeOpenBatch(): void {
    this.#sessionQueues.main.queued.push(this.#take(this.#open));
  }

  #closeKept(): void {
    this.#sessionQueues.main.pushKept(this.#take(this.#openKept));
  }

  #closeQueriesOf(consistency: ReadConsistency, openBatch: OpenBatch): void {
    const sessionQueue = consistency === 'stale' ? this.#sessionQueues.stale : this.#sessionQueues.queries;
    sessionQueue.queued.push(this.#take(openBatch));
  }

  #take(openBatch: OpenBatch): Batch {
    const batch = openBatch.take(this.#host.nowMs() + this.#config.deadlineMs);
    this.#bytes += batch.countedBytes;
    return batch;
  }

  #checkCapacity(): void {
    this.checkOpen();
    const { queuedOperationsMax, queuedBytesMax } = this.#config;
    if (this.#operations >= queuedOperationsMax || this.#bytes + this.#open.countedBytes >= queuedBytesMax) {
      throw new OverloadedError(`${this.#operations} operations await their reply.`);
    }
  }
}
