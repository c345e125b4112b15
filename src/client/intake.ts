import type { RequestEncoder } from '../queue/request.ts';
import type { ReadConsistency } from '../transport/client-frame.ts';
import { READ_CONSISTENCIES } from '../transport/client-frame.ts';
import type { Batch } from './batch.ts';
import type { Call } from './call.ts';
import type { ClientConfig } from './client-options.ts';
import { ClientClosedError, OverloadedError } from './errors.ts';
import { Gathering } from './gathering.ts';
import type { Lanes } from './lanes.ts';

/** What stands in front of the lanes: operations gather into batches here, as many as the client may hold. */
export class Intake {
  readonly #config: ClientConfig;
  readonly #lanes: Lanes;
  readonly #gathering = new Gathering(64 * 1024);
  /** Queries gather apart from what changes something, by how new their answer has to be. */
  readonly #queries = new Map(READ_CONSISTENCIES.map((consistency) => [consistency, new Gathering(1024, { consistency })]));
  #operations = 0;
  #bytes = 0;
  #isClosed = false;

  constructor(config: ClientConfig, lanes: Lanes) {
    this.#config = config;
    this.#lanes = lanes;
  }

  /** Operations that are not answered yet, claims that wait not counted. */
  get operations(): number {
    return this.#operations;
  }

  /** When the oldest operation that gathers came in; infinity while there is none. */
  get sinceMs(): number {
    return this.#gathering.sinceMs;
  }

  get isGathering(): boolean {
    return this.#gathering.operations > 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** @throws {ClientClosedError | OverloadedError} and nothing is written. */
  open(payloadBytes: number): RequestEncoder {
    this.#checkRoom();
    const { batchBytesMax, batchOperationsMax } = this.#config;
    const count = this.#gathering.operations;
    if (count > 0 && (count >= batchOperationsMax || this.#gathering.bytes + payloadBytes > batchBytesMax)) this.closeGathered();
    return this.#gathering.encoder;
  }

  commit(call: Call, nowMs: number): void {
    this.#gathering.add(call, nowMs);
    this.#operations += 1;
  }

  /** @throws {ClientClosedError | OverloadedError} and nothing is written. */
  query(consistency: ReadConsistency, write: (encoder: RequestEncoder) => void, call: Call, nowMs: number): void {
    this.#checkRoom();
    const gathering = this.#queries.get(consistency) as Gathering;
    if (gathering.operations >= this.#config.batchOperationsMax) this.#close(consistency, gathering);
    write(gathering.encoder);
    gathering.add(call, nowMs);
    this.#operations += 1;
  }

  closeGathered(): Batch {
    const batch = this.#take(this.#gathering);
    this.#lanes.main.queued.push(batch);
    return batch;
  }

  closeQueries(): void {
    for (const [consistency, gathering] of this.#queries) if (gathering.operations > 0) this.#close(consistency, gathering);
  }

  /** A batch was answered or given up. @returns whether it was the last. */
  account(batch: Batch): boolean {
    if (batch.waitMs > 0 || batch.isOpening) return false;
    this.#operations -= batch.calls.length;
    this.#bytes -= batch.packet.length;
    return this.#operations === 0;
  }

  #close(consistency: ReadConsistency, gathering: Gathering): void {
    const lane = consistency === 'stale' ? this.#lanes.stale : this.#lanes.queries;
    lane.queued.push(this.#take(gathering));
  }

  #take(gathering: Gathering): Batch {
    const batch = gathering.take(performance.now() + this.#config.deadlineMs);
    this.#bytes += batch.packet.length;
    return batch;
  }

  #checkRoom(): void {
    if (this.#isClosed) throw new ClientClosedError();
    const { queuedOperationsMax, queuedBytesMax } = this.#config;
    if (this.#operations >= queuedOperationsMax || this.#bytes + this.#gathering.bytes >= queuedBytesMax) {
      throw new OverloadedError(`${this.#operations} operations await their answer.`);
    }
  }
}
