import { RequestEncoder } from '../queue/request.ts';
import { Batch, type BatchKind } from './batch.ts';
import type { Call } from './call.ts';

/** The batch that still takes operations: they are written straight into its request. */
export class Gathering {
  readonly encoder: RequestEncoder;
  readonly #kind: BatchKind;
  #calls: Call[] = [];
  #sinceMs = 0;

  constructor(capacityBytes: number, kind: BatchKind = {}) {
    this.encoder = new RequestEncoder(capacityBytes);
    this.#kind = kind;
    // The header is filled in when the batch is sent.
    this.encoder.begin(1, 1, 1);
  }

  get operations(): number {
    return this.#calls.length;
  }

  get bytes(): number {
    return this.encoder.bytes;
  }

  /** When the first operation came in; infinity while there is none. */
  get sinceMs(): number {
    return this.#calls.length === 0 ? Number.POSITIVE_INFINITY : this.#sinceMs;
  }

  add(call: Call, nowMs: number): void {
    if (this.#calls.length === 0) this.#sinceMs = nowMs;
    this.#calls.push(call);
  }

  /** Closes the batch and begins the next one. */
  take(deadlineMs: number): Batch {
    const batch = new Batch(this.encoder.finish(), this.#calls, deadlineMs, this.#kind);
    this.#calls = [];
    this.encoder.begin(1, 1, 1);
    return batch;
  }
}
