import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { samplesNeeded } from '../measuring/latency-summary.ts';
import { quantile } from '../measuring/statistics.ts';
import { withQueue } from './bench-cluster.ts';
import type { BenchContext, BenchMeasure } from './bench-measure.ts';
import type { BenchFigure, FigureDefinition } from './figure.ts';
import { addOnSchedule, type ScheduledAdd } from './open-loop.ts';
import { SyncedEcho } from './synced-echo.ts';

interface LightLoad {
  readonly ratePerSecond: number;
  /** How long adds are offered in one round; the floor's messages as long, in two halves, before and after the adds. */
  readonly durationMs: number;
}

/** With `--long`: checkpoints, compactions and collections all happen, many times. */
const LONG_MS = 300_000;
/** The cluster is new: until the code of its threads is compiled, its tail is several times as long. */
const WARM_UP = { ratePerSecond: 10_000, durationMs: 3_000 };
/** Opening and closing the cluster and the floor. */
const OPEN_MS = 1_000;
const PERCENTILES = [
  { percentile: 99, name: 'p99', goal: 1.5 },
  { percentile: 99.9, name: 'p99.9', goal: 3 },
] as const;

/**
 * Milliseconds from each add's due time to its acknowledgement, at a rate far below the capacity, and of the same sender's messages to a
 * {@link SyncedEcho} in the same round. The ratio of the two is the result: both depend on the machine.
 */
export function lightLoadOf({ ratePerSecond, durationMs }: LightLoad): BenchMeasure {
  const at = `at ${ratePerSecond.toLocaleString('en')}/s`;
  const name = `add, open loop ${at}`;
  const floor = `floor: open loop ${at}, a port and one synced write`;
  const measure = (context: BenchContext, forMs: number) => measureLight(context, { ratePerSecond, durationMs: forMs }, { name, floor });
  const figures = PERCENTILES.flatMap(({ name: percentile, goal }): FigureDefinition[] => [
    { name: `${floor}, ${percentile}`, unit: 'ms', better: 'less', floor: 'none', isCondition: true },
    { name: `${name}, ${percentile}`, unit: 'ms', better: 'less', floor: 'none', isShown: true },
    { name: shareOf(name, percentile), unit: '×', better: 'less', floor: 'none', goals: [{ of: 'median', limit: goal }] },
  ]);
  const expectedMs = (forMs: number): number => WARM_UP.durationMs + OPEN_MS + 2 * forMs;
  return {
    label: `adds, open loop ${at}`,
    expectedMs: expectedMs(durationMs),
    when: 'every-round',
    figures,
    measure: (context) => measure(context, durationMs),
    long: { expectedMs: expectedMs(LONG_MS), measure: (context) => measure(context, LONG_MS) },
  };
}

/** Too short for a p99.9, which `--long` measures. */
export const adds1000 = lightLoadOf({ ratePerSecond: 1_000, durationMs: 3_000 });
export const adds10000 = lightLoadOf({ ratePerSecond: 10_000, durationMs: 3_000 });

function shareOf(name: string, percentile: string): string {
  return `${name}, ${percentile}, as a multiple of its floor`;
}

async function measureLight(
  context: BenchContext,
  { ratePerSecond, durationMs }: LightLoad,
  names: { readonly name: string; readonly floor: string },
): Promise<readonly BenchFigure[]> {
  const half = { ratePerSecond, durationMs: durationMs / 2 };
  const folder = join(context.dataDir, 'floor');
  mkdirSync(folder, { recursive: true });
  const floor: ScheduledAdd[] = [];
  const measureFloor = async (): Promise<void> => {
    await using echo = await SyncedEcho.open(join(folder, 'synced'));
    floor.push(...(await addOnSchedule(echo, half, context)));
  };
  await measureFloor();
  const adds = await withQueue(context, async ({ queue }) => {
    await addOnSchedule(queue, WARM_UP, context);
    return await addOnSchedule(queue, { ratePerSecond, durationMs }, context);
  });
  await measureFloor();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return lightFigures(names, adds, floor);
}

/** The percentiles of both, and their ratios; a percentile is left out if there are too few samples for it. */
export function lightFigures(
  { name, floor }: { readonly name: string; readonly floor: string },
  adds: readonly ScheduledAdd[],
  floorAdds: readonly ScheduledAdd[],
): readonly BenchFigure[] {
  const [own, least] = [sortedLatencies(adds), sortedLatencies(floorAdds)];
  return PERCENTILES.flatMap(({ percentile, name: shown }): BenchFigure[] => {
    if (Math.min(own.length, least.length) < samplesNeeded(percentile)) return [];
    const [value, floorValue] = [quantile(own, percentile / 100), quantile(least, percentile / 100)];
    return [
      { figure: `${floor}, ${shown}`, unit: 'ms', value: floorValue },
      { figure: `${name}, ${shown}`, unit: 'ms', value },
      { figure: shareOf(name, shown), unit: '×', value: value / floorValue },
    ];
  });
}

const sortedLatencies = (adds: readonly ScheduledAdd[]): readonly number[] =>
  adds.map(({ intendedMs, acknowledgedMs }) => acknowledgedMs - intendedMs).sort((a, b) => a - b);
