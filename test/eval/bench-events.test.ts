import { describe, expect, it } from 'vitest';
import { checkpointFigures } from '../../eval/bench/checkpoint-latency.ts';
import { longestSilenceMs } from '../../eval/measuring/acknowledgements.ts';

describe('an outage', () => {
  it('is the longest time between two acknowledgements that ends after the fault', () => {
    expect(longestSilenceMs([0, 500, 501, 502, 540, 541], 501.5)).toBe(38);
  });

  it('counts from the last acknowledgement, which may come before the fault', () => {
    expect(longestSilenceMs([0, 10, 60], 30)).toBe(50);
  });
});

describe('the latency that a checkpoint adds', () => {
  /** An add a millisecond, each acknowledged one millisecond after it was due, or by `lateMs`. */
  const adds = (count: number, latencyMsAt: Readonly<Record<number, number>> = {}) =>
    Array.from({ length: count }, (_, at) => ({ intendedMs: at, acknowledgedMs: at + (latencyMsAt[at] ?? 1) }));
  const figureOf = (figures: readonly { figure: string; value: number }[], name: string) =>
    figures.find(({ figure }) => figure.endsWith(name))?.value;

  it('is the worst of the adds that met one, less the p99 of those that met none', () => {
    const figures = checkpointFigures(adds(2000, { 500: 9, 505: 31, 1500: 90 }), [{ fromMs: 502, toMs: 530 }]);
    expect(figureOf(figures, 'p99 of adds that met none')).toBe(1);
    expect(figureOf(figures, 'worst added latency')).toBe(30);
    expect(figureOf(figures, 'longest write')).toBe(28);
  });

  it('finds a checkpoint of another node that began earlier and ended later', () => {
    const windows = [
      { fromMs: 100, toMs: 400 },
      { fromMs: 200, toMs: 210 },
    ];
    const figures = checkpointFigures(adds(2000, { 300: 21 }), windows);
    expect(figureOf(figures, 'worst added latency')).toBe(20);
  });

  it('is undefined when too few adds met none, or when there was no checkpoint', () => {
    expect(checkpointFigures(adds(2000), [{ fromMs: 0, toMs: 1500 }]).map(({ figure }) => figure)).toEqual(['checkpoint: longest write']);
    expect(checkpointFigures(adds(2000), []).map(({ figure }) => figure)).toEqual(['checkpoint: p99 of adds that met none']);
  });

  it('leaves out the checkpoints of the warm-up', () => {
    const figures = checkpointFigures(adds(2000), [{ fromMs: -900, toMs: -100 }]);
    expect(figureOf(figures, 'longest write')).toBeUndefined();
  });
});
