import { describe, expect, it } from 'vitest';
import { runAgainst } from '../../eval/bench/against.ts';
import { selectMeasures } from '../../eval/bench/all-measures.ts';
import { FLOOR } from '../../eval/bench/figure.ts';
import { type Pair, pairedFigures, pairsTable } from '../../eval/bench/pairs.ts';

const ADDS = 'add, 64 B, many in flight';
const ALONE = 'add, one at a time, p50';

const pairOf = (figure: string, own: number, other: number): Pair => ({
  own: [{ figure, unit: '/s', value: own }],
  other: [{ figure, unit: '/s', value: other }],
});

describe('two builds that are measured pair by pair', () => {
  it('are compared by the ratio of each pair, not by their medians', () => {
    // The machine was busy during the second pair.
    const figures = pairedFigures([pairOf(ADDS, 120, 100), pairOf(ADDS, 36, 30), pairOf(ADDS, 110, 100)]);
    expect(figures).toEqual([{ title: `${ADDS} (/s)`, own: 110, other: 100, ratios: [1.2, 1.2, 1.1], verdict: 'better' }]);
    expect(pairsTable(figures)).toMatch(/100\s+110\s+1\.20\s+1\.10–1\.20\s+3\s+BETTER/);
  });

  it.each([
    ['worse', ALONE, [1.1, 1.2, 1.3]],
    ['better', ALONE, [0.9, 0.8, 0.9]],
    ['worse', ADDS, [0.9, 0.8, 0.9]],
    ['alike', ADDS, [0.9, 1.1, 0.9]],
    // Too few to say.
    ['alike', ADDS, [0.5, 0.5]],
  ])('are %s (%s, ratios %j) only where all of three pairs or more agree', (verdict, figure, ratios) => {
    expect(pairedFigures(ratios.map((ratio) => pairOf(figure, ratio, 1)))).toMatchObject([{ verdict }]);
  });

  it('are not compared by conditions of the machine, nor by what one of them does not measure', () => {
    const figures = pairedFigures([pairOf(FLOOR.commit, 1, 2), { own: [{ figure: ADDS, unit: '/s', value: 1 }], other: [] }]);
    expect(figures).toEqual([]);
    expect(pairsTable(figures)).toBe('The two builds have no figure in common.');
  });

  it('must exist, and have the measures', async () => {
    const request = {
      against: 'nowhere',
      rounds: 1,
      only: undefined,
      quick: true,
      out: 'results/local',
      settings: [],
      print: () => undefined,
    };
    await expect(runAgainst(request)).rejects.toThrow(/does not exist\. Name the folder of another checkout/);
  });
});

describe('the measures of --only', () => {
  it('are the one with exactly this name, else all that contain it', () => {
    expect(selectMeasures('Adds, one at a time').map(({ label }) => label)).toEqual(['adds, one at a time']);
    expect(selectMeasures('one at a time').length).toBeGreaterThan(1);
  });
});
