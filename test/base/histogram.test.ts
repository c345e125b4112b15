import { describe, expect, it } from 'vitest';
import { Histogram } from '../../src/base/histogram.ts';

describe('a histogram', () => {
  it('counts what is at most each bound, and what is above all of them', () => {
    const histogram = new Histogram([1, 10]);
    for (const value of [0, 1, 1.5, 10, 11, 1_000]) histogram.observe(value);
    expect(histogram.snapshot()).toEqual({ bounds: [1, 10], counts: [2, 2, 2], sum: 1_023.5 });
  });

  it('gives a snapshot that later observations do not change', () => {
    const histogram = new Histogram([1]);
    const before = histogram.snapshot();
    histogram.observe(1);
    expect(before).toEqual({ bounds: [1], counts: [0, 0], sum: 0 });
  });

  it('is rejected with bounds that do not ascend', () => {
    expect(() => new Histogram([1, 1])).toThrow('do not ascend');
  });
});
