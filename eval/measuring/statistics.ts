import { SeededRandom } from '../../src/base/random.ts';

/** How far the repetitions of a figure lie apart. */
export interface Spread {
  /** `interval`: a bootstrap interval of the median. `range`: the smallest and the largest value, of few values. */
  readonly kind: 'interval' | 'range';
  readonly low: number;
  readonly high: number;
}

/** Below this many runs a bootstrap interval is just the range. */
export const INTERVAL_RUNS_MIN = 6;

/** @throws {RangeError} when there are no values. */
export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

/**
 * Linear interpolation between the two nearest values.
 * @param sorted ascending, not empty.
 * @param share in [0, 1].
 */
export function quantile(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new RangeError('An empty list has no quantile.');
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * The range of few runs; from six on a percentile bootstrap interval of their median: runs are drawn with replacement, since messages inside
 * one run are not independent of each other (Efron 1979).
 * @returns `undefined` for a single run.
 */
export function spreadOf(
  runs: readonly number[],
  options: { readonly confidence: number; readonly resamples: number; readonly seed?: number },
): Spread | undefined {
  if (runs.length < 2) return undefined;
  if (runs.length < INTERVAL_RUNS_MIN) return { kind: 'range', low: Math.min(...runs), high: Math.max(...runs) };
  const random = new SeededRandom(options.seed ?? 1);
  const medians: number[] = [];
  for (let resample = 0; resample < options.resamples; resample += 1) {
    const drawn = runs.map(() => runs[Math.floor(random.nextUnit() * runs.length)] ?? Number.NaN);
    medians.push(median(drawn));
  }
  medians.sort((a, b) => a - b);
  const tail = (1 - options.confidence) / 2;
  return { kind: 'interval', low: quantile(medians, tail), high: quantile(medians, 1 - tail) };
}
