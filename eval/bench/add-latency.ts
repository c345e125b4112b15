import type { Queue } from '../../src/index.ts';
import { samplesNeeded } from '../measuring/latency-summary.ts';
import { quantile } from '../measuring/statistics.ts';
import { inFlight, SMALL_BYTES, withQueue } from './bench-cluster.ts';
import type { BenchMeasure } from './bench-measure.ts';
import { type ClusterKind, threads } from './cluster-kind.ts';
import type { BenchFigure, FigureDefinition } from './figure.ts';
import { addOnSchedule, warmUp } from './open-loop.ts';

const ALONE = 'add, one at a time';
const WARM_UP_ALONE = 4000;
const MEASURED_ALONE = 3000;

/**
 * Milliseconds of sequential adds of 64 B: each is sent when the one before is acknowledged. The first 4,000 are not measured:
 * the cluster is new, and until its threads' code is compiled its p99 is more than twice its later value.
 */
export const addsAloneOf = (kind: ClusterKind, goals: { readonly p50?: number; readonly p99?: number } = {}): BenchMeasure => {
  const name = kind.prefix + ALONE;
  const figureOf = (percentile: string, limit: number | undefined): FigureDefinition => ({
    ...{ name: `${name}, ${percentile}`, unit: 'ms', better: 'less', floor: 'reply', isShown: true },
    ...(limit === undefined ? {} : { goals: [{ of: 'median', limit }] }),
  });
  return {
    label: `${kind.prefix}adds, one at a time`,
    expectedMs: 5600 + kind.processesMs,
    when: 'every-round',
    needsFiles: kind !== threads,
    figures: [figureOf('p50', goals.p50), figureOf('p99', goals.p99)],
    measure: (context) =>
      kind.withQueue(context, async ({ queue }) => {
        await addAlone(queue, WARM_UP_ALONE, context.signal);
        return percentiles(name, await addAlone(queue, MEASURED_ALONE, context.signal));
      }),
  };
};

export const addsAlone = addsAloneOf(threads, { p50: 0.33, p99: 1.5 });

async function addAlone(queue: Pick<Queue, 'add'>, count: number, signal: AbortSignal): Promise<readonly number[]> {
  const payload = new Uint8Array(SMALL_BYTES);
  const tookMs: number[] = [];
  await inFlight(count, 1, signal, async () => {
    const before = performance.now();
    await queue.add('message', payload);
    tookMs.push(performance.now() - before);
  });
  return tookMs;
}

const HALF = 'add, open loop at half of capacity';
const SCHEDULE_MS = 2000;

/**
 * Milliseconds from each add's due time to its acknowledgement, offered for two seconds at half of the rate with many in flight. The
 * cluster is new: adds in flight for about two seconds warm it up first.
 */
export const addsOnSchedule: BenchMeasure = {
  label: 'adds, open loop',
  expectedMs: 4950,
  when: 'every-round',
  figures: [
    { name: `${HALF}, p50`, unit: 'ms', better: 'less', floor: 'reply' },
    { name: `${HALF}, p99`, unit: 'ms', better: 'less', floor: 'reply', goals: [{ of: 'median', limit: 5 }] },
  ],
  measure: (context) =>
    withQueue(context, async ({ queue }) => {
      const ratePerSecond = (await warmUp(queue, context)) / 2;
      const samples = await addOnSchedule(queue, { ratePerSecond, durationMs: SCHEDULE_MS }, context);
      return percentiles(
        HALF,
        samples.map(({ intendedMs, acknowledgedMs }) => acknowledgedMs - intendedMs),
      );
    }),
};

/** p50 and p99 in milliseconds. A p99 is left out if there are too few samples for it. */
export function percentiles(name: string, latenciesMs: readonly number[]): BenchFigure[] {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return [50, 99]
    .filter((percentile) => sorted.length >= samplesNeeded(percentile))
    .map((percentile) => ({ figure: `${name}, p${percentile}`, unit: 'ms', value: quantile(sorted, percentile / 100) }));
}
