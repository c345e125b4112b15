import type { Schedule } from './schedule.ts';

/**
 * How messages are offered.
 * - `open-loop`: on a schedule, regardless of the replies; for latency.
 * - `paced`: submit, wait for the reply, sleep `delayMs`, repeat; the published replay.
 * - `closed-loop`: as fast as possible, bounded by messages and payload bytes in flight.
 * - `circulating`: as fast as they are completed, bounded by messages that are not; for capacity.
 */
export type LoadModel =
  | { readonly model: 'open-loop'; readonly schedule: Schedule }
  | { readonly model: 'paced'; readonly delayMs: number }
  | { readonly model: 'closed-loop'; readonly inFlightMax: number; readonly inFlightBytesMax: number }
  | {
      readonly model: 'circulating';
      readonly unfinishedMax: number;
      /** Of the consumer, whose thread shares its memory: `counts` of a `LoadConsumer` that has begun. */
      readonly deliveries: Int32Array;
    };

export type LoadPlan = LoadModel & {
  readonly queue: string;
  /** Messages 0 to `messages` − 1 are sent, unless the load is aborted. */
  readonly messages: number;
  /** At least 4. */
  readonly payloadBytes: number;
  /** Of the payloads' filling; the consumer needs the same. */
  readonly payloadSeed: number;
  /** Up to so many messages each one's times are kept, beyond it histograms. Default: 20,000. */
  readonly samplesMax?: number;
};

export const SAMPLES_MAX = 20_000;

/** Outcome of a message, by its code in {@link SendResult.outcomes}. `open`: sent, and no reply yet. */
export const OUTCOMES = ['not-sent', 'open', 'acknowledged', 'failed', 'unknown'] as const;

/** CPU time and event loop of a thread, from the beginning of a run until its end. */
export interface ThreadUsage {
  /** Null where Node.js does not report it (before version 22.19). */
  readonly cpuMs: number | null;
  /** Share of the time in which the event loop was not idle, in [0, 1]. */
  readonly loopUtilization: number;
}

/**
 * Times of the messages, in milliseconds. Lag = sent − due; latency = acknowledged − due.
 * - `samples`: by number of the message, on the clock of {@link SendResult.startMs}; NaN for what did not happen.
 * - `histograms`: HdrHistograms in microseconds, compressed, base64.
 */
export type SendTimes =
  | { readonly type: 'samples'; readonly dueMs: Float64Array; readonly sentMs: Float64Array; readonly acknowledgedMs: Float64Array }
  | { readonly type: 'histograms'; readonly latency: string; readonly lag: string };

/** The result of one load. All times are those of `process.hrtime`, in milliseconds. */
export interface SendResult extends ThreadUsage {
  readonly sent: number;
  readonly acknowledged: number;
  /** Rejected, and certainly not in the queue. */
  readonly failed: number;
  /** Rejected, or without a reply, and possibly in the queue. */
  readonly unknown: number;
  /** The first message was due at this time. */
  readonly startMs: number;
  /** NaN if none was acknowledged. */
  readonly lastAcknowledgedMs: number;
  /** By number of the message, an index of {@link OUTCOMES}. */
  readonly outcomes: Uint8Array;
  readonly times: SendTimes;
  /** The first rejection, if any. */
  readonly firstError: string | undefined;
}
