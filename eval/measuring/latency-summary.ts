import { build } from 'hdr-histogram-js';

/** Milliseconds; `null` where there are too few samples. */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly maxMs: number | null;
}

/** A percentile needs ten samples beyond it, or it depends on a few outliers: p90 from 100, p99 from 1,000, p99.9 from 10,000. */
export const samplesNeeded = (percentile: number): number => Math.round(1000 / (100 - percentile));

const HIGHEST_US = 3_600_000_000;

/** HdrHistogram percentiles (three significant digits, microseconds inside). */
export function summarizeLatency(latenciesMs: Iterable<number>): LatencySummary {
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: HIGHEST_US, numberOfSignificantValueDigits: 3 });
  let count = 0;
  let maxMs = 0;
  for (const latencyMs of latenciesMs) {
    if (!(latencyMs >= 0)) continue;
    histogram.recordValue(Math.min(HIGHEST_US, Math.max(1, Math.round(latencyMs * 1000))));
    count += 1;
    maxMs = Math.max(maxMs, latencyMs);
  }
  const at = (percentile: number): number | null =>
    count < samplesNeeded(percentile) ? null : histogram.getValueAtPercentile(percentile) / 1000;
  return { count, p50Ms: at(50), p90Ms: at(90), p99Ms: at(99), p999Ms: at(99.9), maxMs: count === 0 ? null : round(maxMs) };
}

/** To microseconds: finer digits would be noise in a CSV. */
export const round = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
