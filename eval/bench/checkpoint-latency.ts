import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../measuring/clock.ts';
import { samplesNeeded } from '../measuring/latency-summary.ts';
import { quantile } from '../measuring/statistics.ts';
import { withQueue } from './bench-cluster.ts';
import { type BenchContext, type BenchMeasure, nodeCountOf } from './bench-measure.ts';
import type { BenchFigure } from './figure.ts';
import { addOnSchedule, type ScheduledAdd, warmUp } from './open-loop.ts';

const ADDED = 'checkpoint: worst added latency';
const WITHOUT = 'checkpoint: p99 of adds that met none';
const LONGEST = 'checkpoint: longest write';
const RATE = 'checkpoint: changes offered';
const RATE_MAX_PER_SECOND = 100_000;
const SCHEDULE_MS = 2500;

/**
 * The latency that checkpoints of a running cluster add to a change. Adds of 64 B are offered in an open loop: 100,000 a second, or
 * half of the capacity where that is less. An add met a checkpoint when any node was writing one (by its log: the transaction that
 * carries it, to the millisecond) at some time between the add's due time and its acknowledgement. The cluster is new: adds in flight for
 * about two seconds warm it up first, so that the measured checkpoints are not its first, which take several times as long.
 * Worst added latency = the worst latency of those that met one - the p99 of those that met none. It is an upper bound that includes
 * all other causes at the same time. One value a round; none when too few adds met no checkpoint.
 */
export const checkpointLatency: BenchMeasure = {
  label: 'checkpoint latency',
  expectedMs: 5550,
  when: 'every-round',
  figures: [
    { name: ADDED, unit: 'ms', better: 'less', floor: 'reply', goals: [{ of: 'median', limit: 20 }] },
    { name: WITHOUT, unit: 'ms', better: 'less', floor: 'reply' },
    { name: LONGEST, unit: 'ms', better: 'less', floor: 'commit' },
    { name: RATE, unit: '/s', better: 'more', floor: 'commit', isCondition: true },
  ],
  measure: async (context) => {
    const logs = { dir: `${context.dataDir}-logs`, level: 'info' } as const;
    const ratePerSecond = { value: 0 };
    const samples = await withQueue(
      context,
      async ({ queue }) => {
        ratePerSecond.value = Math.min(RATE_MAX_PER_SECOND, (await warmUp(queue, context)) / 2);
        return addOnSchedule(queue, { ratePerSecond: ratePerSecond.value, durationMs: SCHEDULE_MS }, context);
      },
      { logs },
    );
    const windows = readCheckpoints(logs.dir, context);
    return [...checkpointFigures(samples, windows), { figure: RATE, unit: '/s', value: ratePerSecond.value }];
  },
};

/** The interval in which a node wrote a checkpoint, on the evaluation's clock. */
export interface CheckpointWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** @param samples in the order of their due times. */
export function checkpointFigures(samples: readonly ScheduledAdd[], windows: readonly CheckpointWindow[]): BenchFigure[] {
  // Without the checkpoints of the warm-up.
  const startMs = samples[0]?.intendedMs ?? 0;
  const ordered = windows.filter(({ toMs }) => toMs >= startMs).sort((a, b) => a.toMs - b.toMs);
  const without: number[] = [];
  let worst: number | undefined;
  let next = 0;
  for (const { intendedMs, acknowledgedMs } of samples) {
    while ((ordered[next]?.toMs ?? Number.POSITIVE_INFINITY) < intendedMs) next += 1;
    const latencyMs = acknowledgedMs - intendedMs;
    if (ordered.slice(next, next + OVERLAPPING_MAX).some(({ fromMs }) => fromMs <= acknowledgedMs)) worst = Math.max(worst ?? 0, latencyMs);
    else without.push(latencyMs);
  }
  const longest = Math.max(0, ...ordered.map(({ fromMs, toMs }) => toMs - fromMs));
  const figures: BenchFigure[] = ordered.length === 0 ? [] : [{ figure: LONGEST, unit: 'ms', value: longest }];
  if (without.length < samplesNeeded(99)) return figures;
  const usual = quantile(
    without.sort((a, b) => a - b),
    0.99,
  );
  figures.push({ figure: WITHOUT, unit: 'ms', value: usual });
  if (worst !== undefined) figures.push({ figure: ADDED, unit: 'ms', value: Math.max(0, worst - usual) });
  return figures;
}

/** Windows that end later may begin earlier; this many consecutive windows, one of each node, include all that can overlap. */
const OVERLAPPING_MAX = 13;

const lineSchema = z.object({ event: z.literal('checkpoint'), time: z.string(), tookMs: z.number() });
/** The log's stamps are whole milliseconds. */
const STAMP_GRAIN_MS = 1;

/** The checkpoints in the nodes' logs. A line's time is when its checkpoint is on the disk. */
function readCheckpoints(folder: string, { config }: BenchContext): CheckpointWindow[] {
  const wallAheadMs = Date.now() - systemClock.nowMs();
  const ids = typeof config.nodes === 'number' ? Array.from({ length: nodeCountOf(config) }, (_, at) => at + 1) : config.nodes;
  return ids.flatMap((id) =>
    readFileSync(join(folder, `node-${id}.log`), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"checkpoint"'))
      .flatMap((line) => {
        const parsed = lineSchema.safeParse(JSON.parse(line));
        if (!parsed.success) return [];
        const atMs = Date.parse(parsed.data.time) - wallAheadMs;
        return [{ fromMs: atMs - parsed.data.tookMs, toMs: atMs + STAMP_GRAIN_MS }];
      }),
  );
}
