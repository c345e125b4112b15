import { describe, expect, it } from 'vitest';
import type { BenchSession } from '../../eval/bench/bench-file.ts';
import { compareSessions, comparisonTable } from '../../eval/bench/compare.ts';
import { type BenchFigure, FLOOR } from '../../eval/bench/figure.ts';

const ADDS = 'add, 64 B, many in flight';
const ALONE = 'add, one at a time, p50';
const MEMORY = '1,000,000 waiting jobs: memory of a job and node';

/** Figures of a machine with this time for one SQLite commit. */
const figures = (
  commitMs: number,
  parts: { adds?: readonly number[]; aloneMs?: readonly number[]; bytes?: readonly number[] },
): BenchFigure[] => [
  { figure: FLOOR.commit, unit: 'ms', value: commitMs },
  { figure: FLOOR.roundTrip, unit: 'ms', value: commitMs / 10 },
  ...(parts.adds ?? []).map((value) => ({ figure: ADDS, unit: '/s', value }) as const),
  ...(parts.aloneMs ?? []).map((value) => ({ figure: ALONE, unit: 'ms', value }) as const),
  ...(parts.bytes ?? []).map((value) => ({ figure: MEMORY, unit: 'B', value }) as const),
];

const sessionOf = (of: readonly BenchFigure[], facts: Partial<BenchSession> = {}): BenchSession => ({
  session: '2026-01-01T00:00:00.000Z',
  commit: '0123456789',
  environment: 'abcdef01',
  nodes: 3,
  durability: 'full',
  figures: of,
  ...facts,
});

describe('a comparison of two sessions', () => {
  it('finds nothing slower on a machine that is half as fast in everything', () => {
    const earlier = figures(0.2, { adds: [100_000, 104_000, 108_000], aloneMs: [0.5, 0.6, 0.7] });
    const now = figures(0.4, { adds: [50_000, 52_000, 54_000], aloneMs: [1, 1.2, 1.4] });
    expect(compareSessions(earlier, now).map(({ verdict, worse }) => [verdict, worse.toFixed(2)])).toEqual([
      ['alike', '1.00'],
      ['alike', '1.00'],
    ]);
  });

  it('finds what got slower, rates and times alike, the worst first', () => {
    const earlier = figures(0.2, { adds: [100_000, 104_000, 108_000], aloneMs: [0.5, 0.6, 0.7] });
    const now = figures(0.2, { adds: [78_000, 80_000, 82_000], aloneMs: [1.7, 1.8, 1.9] });
    expect(compareSessions(earlier, now)).toMatchObject([
      { title: `${ALONE} (ms)`, verdict: 'slower', worse: expect.closeTo(3) },
      { title: `${ADDS} (/s)`, verdict: 'slower', worse: expect.closeTo(1.3) },
    ]);
  });

  it('does not call slower what lies within the range of the other session', () => {
    const earlier = figures(0.2, { adds: [70_000, 104_000, 108_000] });
    const now = figures(0.2, { adds: [78_000, 80_000, 82_000] });
    expect(compareSessions(earlier, now)).toMatchObject([{ verdict: 'alike', worse: expect.closeTo(1.3) }]);
  });

  it('does not call slower what changed by less than a tenth', () => {
    const change = compareSessions(figures(0.2, { adds: [100_000] }), figures(0.2, { adds: [92_000] }));
    expect(change).toMatchObject([{ verdict: 'alike' }]);
  });

  it('asks for more than a quarter where there are fewer than three values', () => {
    const verdictOf = (bytes: number) => compareSessions(figures(0.2, { bytes: [300] }), figures(0.2, { bytes: [bytes] }))[0]?.verdict;
    expect([verdictOf(360), verdictOf(380)]).toEqual(['alike', 'slower']);
  });

  it('finds no change between nothing and nothing', () => {
    expect(compareSessions(figures(0.2, { bytes: [0] }), figures(0.2, { bytes: [0] }))).toMatchObject([{ worse: 1, verdict: 'alike' }]);
  });

  it('finds what got faster', () => {
    expect(compareSessions(figures(0.2, { adds: [100_000] }), figures(0.2, { adds: [150_000] }))).toMatchObject([{ verdict: 'faster' }]);
  });

  it('compares what has no floor as it is, and leaves out what only one session has', () => {
    const earlier = figures(0.2, { bytes: [300], adds: [100_000] });
    const now = figures(0.4, { bytes: [390] });
    expect(compareSessions(earlier, now)).toMatchObject([{ earlier: 300, now: 390, verdict: 'slower' }]);
  });
});

describe('the table of a comparison', () => {
  it('names the earlier session, and counts what got slower', () => {
    const earlier = sessionOf(figures(0.2, { adds: [100_000], aloneMs: [0.5] }));
    const text = comparisonTable(earlier, sessionOf(figures(0.2, { adds: [50_000], aloneMs: [0.5] })));
    expect(text).toContain('2026-01-01T00:00:00.000Z (commit 0123456789)');
    expect(text).toMatch(/many in flight \(\/s\)\s+20\.0\s+10\.0\s+2\.00 times worse\s+SLOWER/);
    expect(text).toContain('1 of 2 figures got slower.');
  });

  it('says what makes the sessions hard to compare', () => {
    const earlier = sessionOf(figures(0.2, { adds: [100_000] }), { durability: 'off', environment: '11111111' });
    const text = comparisonTable(earlier, sessionOf(figures(0.2, { adds: [100_000] })));
    expect(text).toContain('Not the same durability: off then, full now.');
    expect(text).toContain('Not the same environment: 11111111 then, abcdef01 now.');
    expect(text).not.toContain('Not the same nodes');
    expect(text).toContain('Nothing got slower.');
  });

  it('warns when the floor itself is not the same', () => {
    const earlier = sessionOf(figures(0.2, { adds: [100_000] }));
    expect(comparisonTable(earlier, sessionOf(figures(0.5, { adds: [40_000] })))).toContain('The floors differ by a factor of 2.50');
    expect(comparisonTable(earlier, sessionOf(figures(0.25, { adds: [80_000] })))).not.toContain('The floor itself');
  });

  it('says when there is nothing to compare', () => {
    expect(comparisonTable(sessionOf([]), sessionOf(figures(0.2, { adds: [1] })))).toContain('no figure in common');
  });
});
