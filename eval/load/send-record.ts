import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { LoadPlan, SendResult, SendTimes } from './load-plan.ts';
import { OUTCOMES, SAMPLES_MAX } from './load-plan.ts';

export type MessageOutcome = (typeof OUTCOMES)[number];

/** Counters and outcomes of a running load, shared by its thread and the coordinating one. */
export interface SharedSendCounts {
  /** Sent, acknowledged, failed, unknown. */
  readonly counts: Int32Array;
  readonly outcomes: Uint8Array;
}

export const SENT = 0;
export const ACKNOWLEDGED = 1;
const FAILED = 2;
const UNKNOWN = 3;

export const sharedSendCounts = (messages: number): SharedSendCounts => ({
  counts: new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT)),
  outcomes: new Uint8Array(new SharedArrayBuffer(messages)),
});

/** Outcome and times of each message of a load. */
export class SendRecord {
  readonly #shared: SharedSendCounts;
  readonly #times: Samples | Histograms;
  #startMs = Number.NaN;
  #lastAcknowledgedMs = Number.NaN;
  #firstError: string | undefined;

  constructor({ messages, samplesMax = SAMPLES_MAX }: Pick<LoadPlan, 'messages' | 'samplesMax'>, shared: SharedSendCounts) {
    this.#shared = shared;
    this.#times = messages <= samplesMax ? new Samples(messages) : new Histograms();
  }

  onStart(atMs: number): void {
    this.#startMs = atMs;
  }

  onSent(message: number, dueMs: number, sentMs: number): void {
    this.#times.onSent(message, dueMs, sentMs);
    this.#set(message, 'open');
    Atomics.add(this.#shared.counts, SENT, 1);
  }

  onAcknowledged(message: number, dueMs: number, atMs: number): void {
    this.#times.onAcknowledged(message, dueMs, atMs);
    this.#lastAcknowledgedMs = atMs;
    this.#set(message, 'acknowledged');
    Atomics.add(this.#shared.counts, ACKNOWLEDGED, 1);
  }

  onRejected(message: number, isUnknown: boolean, error: string): void {
    this.#firstError ??= error;
    this.#set(message, isUnknown ? 'unknown' : 'failed');
    Atomics.add(this.#shared.counts, isUnknown ? UNKNOWN : FAILED, 1);
  }

  /** A message without a reply is as unknown as one whose reply says so. */
  result(): Omit<SendResult, 'cpuMs' | 'loopUtilization'> {
    const [sent = 0, acknowledged = 0, failed = 0] = this.#shared.counts;
    return {
      sent,
      acknowledged,
      failed,
      unknown: sent - acknowledged - failed,
      startMs: this.#startMs,
      lastAcknowledgedMs: this.#lastAcknowledgedMs,
      // A copy: replies that arrive later would change it.
      outcomes: this.#shared.outcomes.slice(),
      times: this.#times.result(),
      firstError: this.#firstError,
    };
  }

  #set(message: number, outcome: MessageOutcome): void {
    this.#shared.outcomes[message] = OUTCOMES.indexOf(outcome);
  }
}

class Samples {
  readonly #dueMs: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #acknowledgedMs: Float64Array;

  constructor(messages: number) {
    const times = (): Float64Array => new Float64Array(messages).fill(Number.NaN);
    this.#dueMs = times();
    this.#sentMs = times();
    this.#acknowledgedMs = times();
  }

  onSent(message: number, dueMs: number, sentMs: number): void {
    this.#dueMs[message] = dueMs;
    this.#sentMs[message] = sentMs;
  }

  onAcknowledged(message: number, _dueMs: number, atMs: number): void {
    this.#acknowledgedMs[message] = atMs;
  }

  result(): SendTimes {
    return { type: 'samples', dueMs: this.#dueMs, sentMs: this.#sentMs, acknowledgedMs: this.#acknowledgedMs };
  }
}

const HIGHEST_US = 3_600_000_000;

class Histograms {
  readonly #latency = newHistogram();
  readonly #lag = newHistogram();

  onSent(_message: number, dueMs: number, sentMs: number): void {
    record(this.#lag, sentMs - dueMs);
  }

  onAcknowledged(_message: number, dueMs: number, atMs: number): void {
    record(this.#latency, atMs - dueMs);
  }

  result(): SendTimes {
    return { type: 'histograms', latency: encodeIntoCompressedBase64(this.#latency), lag: encodeIntoCompressedBase64(this.#lag) };
  }
}

const newHistogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: HIGHEST_US, numberOfSignificantValueDigits: 3 });

const record = (histogram: Histogram, ms: number): void => histogram.recordValue(Math.min(HIGHEST_US, Math.max(1, Math.round(ms * 1000))));
