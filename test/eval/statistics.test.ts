import { describe, expect, it } from 'vitest';
import { samplesNeeded, summarizeLatency } from '../../eval/measuring/latency-summary.ts';
import { median, quantile, spreadOf } from '../../eval/measuring/statistics.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

describe('a percentile of latencies', () => {
  it('is claimed only when there are samples enough beyond it', () => {
    expect([50, 90, 99, 99.9].map(samplesNeeded)).toEqual([20, 100, 1000, 10_000]);
    expect(summarizeLatency(upTo(100))).toMatchObject({ count: 100, p99Ms: null, p999Ms: null });
    expect(summarizeLatency(upTo(999)).p99Ms).toBeNull();
    expect(summarizeLatency(upTo(1000)).p99Ms).toBeCloseTo(990, -1);
    expect(summarizeLatency(upTo(9999)).p999Ms).toBeNull();
    expect(summarizeLatency(upTo(10_000)).p999Ms).toBeCloseTo(9990, -2);
  });

  it('is as exact as three digits, also below a millisecond', () => {
    const summary = summarizeLatency(upTo(100).map((value) => value / 1000));
    expect(summary.p50Ms).toBeCloseTo(0.05, 4);
    expect(summary.p90Ms).toBeCloseTo(0.09, 4);
    expect(summary.maxMs).toBeCloseTo(0.1, 6);
  });

  it('of nothing is empty', () => {
    expect(summarizeLatency([])).toEqual({ count: 0, p50Ms: null, p90Ms: null, p99Ms: null, p999Ms: null, maxMs: null });
  });
});

describe('a quantile', () => {
  it('interpolates between neighbours', () => {
    expect(quantile([10, 20], 0.25)).toBe(12.5);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it('of nothing does not exist', () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('the spread of runs', () => {
  const options = { confidence: 0.95, resamples: 2000 };

  it('of six and more is a bootstrap interval, which holds the median and lies inside their range', () => {
    const runs = [9.1, 10.2, 10.0, 9.7, 10.4, 9.9, 10.1];
    const interval = spreadOf(runs, options);
    expect(interval?.kind).toBe('interval');
    expect(interval?.low).toBeGreaterThanOrEqual(9.1);
    expect(interval?.low).toBeLessThan(median(runs));
    expect(interval?.high).toBeGreaterThan(median(runs));
    expect(interval?.high).toBeLessThanOrEqual(10.4);
  });

  it('is the same for the same runs, so that rebuilt charts do not change', () => {
    expect(spreadOf([1, 5, 2, 8, 4, 6], options)).toEqual(spreadOf([1, 5, 2, 8, 4, 6], options));
  });

  it('of fewer than six is their range, and called so', () => {
    expect(spreadOf([7, 5, 9, 6, 8], options)).toEqual({ kind: 'range', low: 5, high: 9 });
  });

  it('is a point for runs that agree, and does not exist for a single one', () => {
    expect(spreadOf([7, 7, 7, 7, 7, 7], options)).toEqual({ kind: 'interval', low: 7, high: 7 });
    expect(spreadOf([7], options)).toBeUndefined();
  });
});
