import { SeededRandom } from '../../src/base/random.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

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
 * A percentile bootstrap interval of the median over runs: runs are drawn with replacement, since messages inside one
 * run are not independent of each other (Efron 1979).
 * @returns `undefined` below three runs, where resampling adds no information.
 */
export function bootstrapInterval(
  runs: readonly number[],
  options: { readonly confidence: number; readonly resamples: number; readonly seed?: number },
): Interval | undefined {
  if (runs.length < 3) return undefined;
  const random = new SeededRandom(options.seed ?? 1);
  const medians: number[] = [];
  for (let resample = 0; resample < options.resamples; resample += 1) {
    const drawn = runs.map(() => runs[Math.floor(random.nextUnit() * runs.length)] ?? Number.NaN);
    medians.push(median(drawn));
  }
  medians.sort((a, b) => a - b);
  const tail = (1 - options.confidence) / 2;
  return { low: quantile(medians, tail), high: quantile(medians, 1 - tail) };
}
