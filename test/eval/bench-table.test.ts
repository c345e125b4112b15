import { describe, expect, it } from 'vitest';
import { benchTable, floorFigures, sampleFigures } from '../../eval/bench/bench-table.ts';

const floor = floorFigures({ fdatasyncMs: 0.2, sqliteCommitMs: 0.25, portRoundTripMs: 0.01 });

describe('the table of the bench', () => {
  it('prints medians and ranges beside the goal, and against one SQLite commit', () => {
    const figures = [18_000, 24_000, 26_000].flatMap((perSecond) => sampleFigures({ measure: 'add', values: [perSecond] }));
    const row = benchTable([...floor, ...figures])
      .split('\n')
      .find((line) => line.startsWith('add, 64 B'));
    expect(row).toMatch(/24,000\s+18,000–26,000\s+3\s+≥ 20,000 met\s+6\.00 a commit/);
  });

  it('says when a goal is missed', () => {
    const slow = sampleFigures({ measure: 'leader-kill', values: [290, 310, 900] });
    expect(benchTable([...floor, ...slow])).toMatch(/leader killed.*310\s+290–900\s+3\s+< 300 MISSED/);
  });

  it('claims a p99 from a thousand adds, and not from fewer', () => {
    const figuresOf = (count: number) =>
      sampleFigures({ measure: 'add-alone', values: Array.from({ length: count }, (_, at) => at) }).map(({ figure }) => figure);
    expect(figuresOf(999)).toEqual(['add, one at a time, p50']);
    expect(figuresOf(1000)).toEqual(['add, one at a time, p50', 'add, one at a time, p99']);
  });
});
