import { RequestEncoder } from '../../protocol/request-encoder.ts';
import { Batch, type BatchKind } from './batch.ts';
import type { PendingOperation, RepeatedOperation } from './pending-operation.ts';

/** The batch that still accepts operations: they are written directly into its request. */
export class OpenBatch {
  readonly encoder: RequestEncoder;
  readonly #kind: BatchKind;
  #calls: PendingOperation[] = [];
  #kept = 0;
  #keptBytes = 0;
  #sinceMs = 0;

  constructor(capacityBytes: number, kind: BatchKind = {}) {
    this.encoder = new RequestEncoder(capacityBytes);
    this.#kind = kind;
    // The header is written when the batch is sent.
    this.encoder.begin(1, 1, 1);
  }

  get operations(): number {
    return this.#calls.length;
  }

  get bytes(): number {
    return this.encoder.bytes;
  }

  /** Bytes that count towards the client's bound. */
  get countedBytes(): number {
    return this.encoder.bytes - this.#keptBytes;
  }

  /** When the first operation was issued; infinity if there is none. */
  get sinceMs(): number {
    return this.#calls.length === 0 ? Number.POSITIVE_INFINITY : this.#sinceMs;
  }

  add(call: PendingOperation, nowMs: number): void {
    if (this.#calls.length === 0) this.#sinceMs = nowMs;
    this.#calls.push(call);
  }

  keep(call: RepeatedOperation, nowMs: number): void {
    const before = this.encoder.bytes;
    call.write(this.encoder);
    this.add(call, nowMs);
    this.#kept += 1;
    this.#keptBytes += this.encoder.bytes - before;
  }

  /** Closes the batch and begins the next one. */
  take(deadlineMs: number): Batch {
    const request = this.encoder.finishedView();
    const batch = new Batch({ request, calls: this.#calls, kept: this.#kept, keptBytes: this.#keptBytes }, deadlineMs, this.#kind);
    this.#calls = [];
    this.#kept = 0;
    this.#keptBytes = 0;
    this.encoder.begin(1, 1, 1);
    return batch;
  }
}

/** Writes kept calls into a batch of their own. @param mayHaveTakenEffect whether an earlier sending of them never got a reply. */
export function batchOfKept(calls: readonly RepeatedOperation[], deadlineMs: number, mayHaveTakenEffect: boolean): Batch {
  const openBatch = new OpenBatch(1024, { mayHaveTakenEffect });
  for (const call of calls) openBatch.keep(call, 0);
  return openBatch.take(deadlineMs);
}
