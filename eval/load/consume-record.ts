import type { PayloadCodec } from '../measuring/payload.ts';
import type { ThreadUsage } from './load-plan.ts';

/** Deliveries of a running consumer, shared by its thread and the coordinating one. */
export interface SharedDeliveries {
  /** By number of the message; NaN if it was not completed. */
  readonly completedMs: Float64Array;
  /** By number of the message. */
  readonly completions: Uint16Array;
  /** At {@link DELIVERED}: messages completed at least once; at {@link FOREIGN}: payloads that were changed or are of no message. */
  readonly counts: Int32Array;
}

export const DELIVERED = 0;
export const FOREIGN = 1;

export const sharedDeliveries = (messages: number): SharedDeliveries => ({
  completedMs: new Float64Array(new SharedArrayBuffer(messages * Float64Array.BYTES_PER_ELEMENT)).fill(Number.NaN),
  completions: new Uint16Array(new SharedArrayBuffer(messages * Uint16Array.BYTES_PER_ELEMENT)),
  counts: new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)),
});

/** The result of one consumer. Times are those of `process.hrtime`, in milliseconds. */
export interface ConsumeResult extends ThreadUsage {
  /** By number of the message; NaN if it was not completed. */
  readonly completedMs: Float64Array;
  /** By number of the message: how often its completion was accepted. */
  readonly completions: Uint16Array;
  /** Payloads that were changed, or are of no message. */
  readonly foreign: number;
  /** NaN if nothing was completed. */
  readonly lastCompletedMs: number;
  readonly firstError: string | undefined;
}

/** Counts each completion of each message. */
export class ConsumeRecord {
  readonly #shared: SharedDeliveries;
  readonly #payloads: PayloadCodec;
  #lastCompletedMs = Number.NaN;
  #firstError: string | undefined;

  constructor(shared: SharedDeliveries, payloads: PayloadCodec) {
    this.#shared = shared;
    this.#payloads = payloads;
  }

  onCompleted(payload: Uint8Array, atMs: number): void {
    const { completedMs, completions, counts } = this.#shared;
    const message = this.#payloads.decode(payload);
    if (message === undefined || message >= completions.length) {
      Atomics.add(counts, FOREIGN, 1);
      return;
    }
    const count = (completions[message] ?? 0) + 1;
    completions[message] = count;
    this.#lastCompletedMs = atMs;
    if (count > 1) return;
    completedMs[message] = atMs;
    Atomics.add(counts, DELIVERED, 1);
  }

  onError(error: string): void {
    this.#firstError ??= error;
  }

  result(): Omit<ConsumeResult, 'cpuMs' | 'loopUtilization'> {
    const { completedMs, completions, counts } = this.#shared;
    return {
      completedMs: completedMs.slice(),
      completions: completions.slice(),
      foreign: Atomics.load(counts, FOREIGN),
      lastCompletedMs: this.#lastCompletedMs,
      firstError: this.#firstError,
    };
  }
}
