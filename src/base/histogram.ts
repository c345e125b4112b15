import { invariant } from './invariant.ts';

/** How many observations were at most each bound and above the one before it; the last count is of those above all bounds. */
export interface HistogramCounts {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  /** Of all observations. */
  readonly sum: number;
}

/** Durations in milliseconds, from an fsync on a fast disk to one that hangs. */
export const DURATION_BOUNDS_MS: readonly number[] = Object.freeze([
  ...[0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
]);

/** Counts observations by their size, in constant memory. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds ascending. */
  constructor(bounds: readonly number[]) {
    invariant(
      bounds.every((bound, at) => at === 0 || bound > (bounds[at - 1] ?? bound)),
      () => `the bounds ${bounds.join(', ')} do not ascend`,
    );
    this.#bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let at = 0;
    // Most observations are in the lowest buckets.
    while (at < this.#bounds.length && value > (this.#bounds[at] as number)) at += 1;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += value;
  }

  snapshot(): HistogramCounts {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum };
  }
}
