import { describe, expect, it } from 'vitest';
import { percentiles } from '../../eval/bench/add-latency.ts';
import { MEASURES, selectMeasures } from '../../eval/bench/all-measures.ts';
import { benchTable, isMet, mediansOf, summarize } from '../../eval/bench/bench-table.ts';
import { type BenchFigure, FLOOR, ratioToFloor, type Unit } from '../../eval/bench/figure.ts';
import { isTimeFor, planSteps } from '../../eval/bench/run-bench.ts';
import { benchSection } from '../../eval/report/bench-section.ts';

const ADDS = 'add, 64 B, many in flight';
const KILLED = 'leader killed: last to next acknowledged add';
const HUGE = 'add, 1 MiB';

const valuesOf = (figure: string, unit: Unit, values: readonly number[]): BenchFigure[] => values.map((value) => ({ figure, unit, value }));
const SESSION = { session: '2026-11-28T00:00:00.000Z', commit: '0123456789', environment: 'abcdef01', nodes: 3, durability: 'full' };
const floor = [...valuesOf(FLOOR.commit, 'ms', [0.25]), ...valuesOf(FLOOR.roundTrip, 'ms', [0.05])];
const rowOf = (figures: readonly BenchFigure[], name: string): string =>
  benchTable(figures)
    .split('\n')
    .find((line) => line.startsWith(name)) ?? '';

describe('the table of the bench', () => {
  it('prints median, range, goal and how much of a rate one SQLite commit is worth', () => {
    const row = rowOf([...floor, ...valuesOf(ADDS, '/s', [140_000, 160_000, 170_000])], ADDS);
    expect(row).toMatch(/160,000\s+140,000–170,000\s+3\s+≥ 150,000 met\s+40\.0 a commit/);
  });

  it('shows that a goal is missed', () => {
    expect(rowOf(valuesOf(ADDS, '/s', [149_000]), ADDS)).toMatch(/149,000\s+–\s+1\s+≥ 150,000 MISSED\s+–/);
  });

  it('shows how many values are of a rate that did not become steady', () => {
    const values = [
      { figure: ADDS, unit: '/s', value: 160_000, isSteady: true },
      { figure: ADDS, unit: '/s', value: 170_000, isSteady: false },
    ] as const;
    expect(rowOf([...floor, ...values], ADDS)).toMatch(/165,000\s+160,000–170,000\s+2, 1 not steady\s+≥ 150,000 met/);
  });

  it('judges the median and the worst of a figure that has a goal for each', () => {
    const row = rowOf([...floor, ...valuesOf(KILLED, 'ms', [20, 35, 260])], KILLED);
    expect(row).toMatch(/≤ 50\.0 met, worst ≤ 250 MISSED\s+100 times commit \+ 2 round trips/);
  });

  it('requires no more of adds of 1 MiB than the disk can take', () => {
    const adds = valuesOf(HUGE, 'MB/s', [90]);
    expect(rowOf([...adds, ...valuesOf(FLOOR.diskOfNodes, 'MB/s', [80])], HUGE)).toMatch(
      /≥ 80\.0 \(floor: disk.*\) met\s+1\.13 of the disk/,
    );
    expect(rowOf([...adds, ...valuesOf(FLOOR.diskOfNodes, 'MB/s', [900])], HUGE)).toMatch(/≥ 150 MISSED\s+0\.100 of the disk/);
  });
});

describe('figures of nodes in other processes', () => {
  it('have names of their own, beside those of threads, and those by gRPC have goals', () => {
    const figures = ['', 'Unix sockets: ', 'gRPC: '].flatMap((prefix) => valuesOf(prefix + ADDS, '/s', [45_000]));
    expect(summarize(figures).map(({ definition }) => definition.name)).toEqual([ADDS, `Unix sockets: ${ADDS}`, `gRPC: ${ADDS}`]);
    expect(rowOf(figures, `gRPC: ${ADDS}`)).toContain('≥ 40,000 met');
    const page = benchSection({ ...SESSION, figures }, undefined);
    expect(page).toContain(`| Unix sockets: ${ADDS} (/s) | 45,000 | – |`);
    expect(page).toContain(`| gRPC: ${ADDS} (/s) | 45,000 | ≥ 40,000 met |`);
  });
});

describe('a ratio to the floor', () => {
  const medianOf = mediansOf([...floor, ...valuesOf(FLOOR.diskOfNodes, 'MB/s', [200])]);

  it('removes the machine’s speed from times and rates', () => {
    expect(ratioToFloor({ unit: 'ms', floor: 'commit' }, 1, medianOf)).toBe(4);
    expect(ratioToFloor({ unit: '/s', floor: 'commit' }, 8000, medianOf)).toBe(2);
    expect(ratioToFloor({ unit: 'ms', floor: 'reply' }, 0.7, medianOf)).toBeCloseTo(2);
    expect(ratioToFloor({ unit: 'MB/s', floor: 'disk' }, 50, medianOf)).toBe(0.25);
  });

  it('is undefined without a floor', () => {
    expect(ratioToFloor({ unit: 'B', floor: 'none' }, 400, medianOf)).toBeUndefined();
    expect(ratioToFloor({ unit: 'ms', floor: 'commit' }, 1, mediansOf([]))).toBeUndefined();
  });
});

describe('a goal', () => {
  it('is met at its limit', () => {
    const [summary] = summarize(valuesOf(ADDS, '/s', [150_000]));
    if (summary === undefined) throw new Error('a figure has a summary');
    const goal = { of: 'median', limit: 150_000 } as const;
    expect(isMet(goal, summary, mediansOf([]))).toBe(true);
    expect(isMet(goal, { ...summary, median: 149_999 }, mediansOf([]))).toBe(false);
  });
});

describe('percentiles', () => {
  it('include a p99 from a thousand adds on', () => {
    const figuresOf = (count: number) =>
      percentiles(
        'add',
        Array.from({ length: count }, (_, at) => at),
      ).map(({ figure }) => figure);
    expect(figuresOf(999)).toEqual(['add, p50']);
    expect(figuresOf(1000)).toEqual(['add, p50', 'add, p99']);
  });
});

describe('the plan of the bench', () => {
  const labelsOf = (rounds: number, only?: string) =>
    planSteps(selectMeasures(only), rounds).map(({ round, measure }) => `${round} ${measure.label}`);

  it('measures an idle cluster first, the rounds with a floor each, and what takes long last', () => {
    const labels = labelsOf(2);
    expect(labels[0]).toBe('1 idle CPU');
    const last = ['1,000,000 waiting jobs', 'memory', 'elections'];
    expect(labels.slice(-6)).toEqual(last.flatMap((label) => ['1 floor: commits', `1 ${label}`]));
    expect(labels.filter((label) => label.endsWith(' floor'))).toEqual(['1 floor', '2 floor']);
    expect(labels.filter((label) => label.endsWith(' leader killed'))).toEqual(['1 leader killed', '2 leader killed']);
  });

  it('fits into its default limit of 25 minutes', () => {
    const expectedMs = planSteps(MEASURES, 5).reduce((total, { measure }) => total + measure.expectedMs, 0);
    expect(expectedMs).toBeLessThan(25 * 60_000);
  });

  it('has the measures that --only names, and the floor', () => {
    expect(labelsOf(1, 'ISOLATED')).toEqual(['1 floor', '1 disk limit', '1 floor: commits', '1 leader isolated']);
    expect(selectMeasures('no such thing')).toEqual([]);
    expect(selectMeasures('grpc').map(({ label }) => label)).toEqual([
      'gRPC: adds, many in flight',
      'gRPC with TLS: adds, many in flight',
      'gRPC: adds, one at a time',
      'gRPC with TLS: adds, one at a time',
      'gRPC: add, claim, complete',
    ]);
  });

  it('begins no round that does not fit at the pace so far', () => {
    const twiceAsSlow = { elapsedMs: 100, doneMs: 50 };
    expect(isTimeFor(100, { ...twiceAsSlow, limitMs: 300 })).toBe(true);
    expect(isTimeFor(100, { ...twiceAsSlow, limitMs: 299 })).toBe(false);
  });
});
