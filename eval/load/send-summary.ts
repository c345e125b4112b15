import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { type LatencySummary, round, samplesNeeded, summarizeLatency } from '../measuring/latency-summary.ts';
import type { SendTimes } from './load-plan.ts';

/** Latency of the acknowledged messages: acknowledged − due. */
export function summarizeSendLatency(times: SendTimes): LatencySummary {
  if (times.type === 'histograms') return summarizeHistogram(times.latency);
  return summarizeLatency(differences(times.acknowledgedMs, times.dueMs));
}

/** Lag of the messages that were sent: sent − due. */
export function summarizeLag(times: SendTimes): LatencySummary {
  if (times.type === 'histograms') return summarizeHistogram(times.lag);
  return summarizeLatency(differences(times.sentMs, times.dueMs));
}

/** NaN where either is. */
function* differences(later: Float64Array, earlier: Float64Array): Generator<number> {
  for (const [message, laterMs] of later.entries()) yield laterMs - (earlier[message] ?? Number.NaN);
}

function summarizeHistogram(encoded: string): LatencySummary {
  const histogram = decodeFromCompressedBase64(encoded);
  const count = histogram.totalCount;
  const at = (percentile: number): number | null =>
    count < samplesNeeded(percentile) ? null : histogram.getValueAtPercentile(percentile) / 1000;
  const maxMs = count === 0 ? null : round(histogram.maxValue / 1000);
  return { count, p50Ms: at(50), p90Ms: at(90), p99Ms: at(99), p999Ms: at(99.9), maxMs };
}
