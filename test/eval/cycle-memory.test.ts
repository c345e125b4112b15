import { describe, expect, it } from 'vitest';
import { cycleMemory, memoryFigures } from '../../eval/bench/cycle-memory.ts';

describe('the memory after many full cycles', () => {
  const reports = [
    { cycles: 1_000_000, residentBytes: 500e6 },
    { cycles: 3_000_000, residentBytes: 510e6 },
    { cycles: 10_000_000, residentBytes: 600e6 },
  ];
  const valuesOf = (count: number) => memoryFigures(reports.slice(0, count)).map(({ figure, unit, value }) => [figure, `${value} ${unit}`]);

  it('is reported at each mark, and as a ratio to the first one', () => {
    expect(valuesOf(3)).toEqual([
      ['memory after 1 million full cycles', '500 MB'],
      ['memory after 3 million full cycles', '510 MB'],
      ['memory after 3 million full cycles, relative to 1 million', '1.02 ×'],
      ['memory after 10 million full cycles', '600 MB'],
      ['memory after 10 million full cycles, relative to 1 million', '1.2 ×'],
    ]);
  });

  it('is left out at marks that were not reached', () => {
    expect(valuesOf(0)).toEqual([]);
    expect(valuesOf(1)).toEqual([['memory after 1 million full cycles', '500 MB']]);
    expect(valuesOf(2)).toHaveLength(3);
  });

  it('has only figures that the bench defines', () => {
    const known = cycleMemory.figures.map(({ name, unit }) => `${name} ${unit}`);
    expect(
      memoryFigures(reports)
        .map(({ figure, unit }) => `${figure} ${unit}`)
        .every((name) => known.includes(name)),
    ).toBe(true);
  });
});
