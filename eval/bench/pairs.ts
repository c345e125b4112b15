import { formatNumber, textTable } from '../measuring/format.ts';
import { median } from '../measuring/statistics.ts';
import { DEFINITIONS } from './all-measures.ts';
import { titleOf } from './bench-table.ts';
import type { BenchFigure } from './figure.ts';

/** What two builds measured one after the other. */
export interface Pair {
  readonly own: readonly BenchFigure[];
  readonly other: readonly BenchFigure[];
}

export interface PairedFigure {
  readonly title: string;
  readonly own: number;
  readonly other: number;
  /** Of each pair, this build to the other one. */
  readonly ratios: readonly number[];
  /** `alike` unless all pairs agree, and there are at least three. */
  readonly verdict: 'better' | 'worse' | 'alike';
}

const PAIRS_MIN = 3;

/** The figures that both builds have, in the table's order; conditions of the machine are left out. */
export function pairedFigures(pairs: readonly Pair[]): readonly PairedFigure[] {
  return DEFINITIONS.filter(({ isCondition }) => isCondition !== true).flatMap((definition) => {
    const found = pairs.flatMap(({ own, other }) => {
      const [mine, theirs] = [own, other].map((figures) => figures.find(({ figure }) => figure === definition.name)?.value);
      return mine === undefined || theirs === undefined ? [] : [{ mine, theirs }];
    });
    if (found.length === 0) return [];
    const ratios = found.map(({ mine, theirs }) => mine / theirs);
    const isMore = definition.better === 'more';
    const isBetter = (ratio: number): boolean => (isMore ? ratio > 1 : ratio < 1);
    const isWorse = (ratio: number): boolean => (isMore ? ratio < 1 : ratio > 1);
    const verdict = ratios.length < PAIRS_MIN ? 'alike' : ratios.every(isBetter) ? 'better' : ratios.every(isWorse) ? 'worse' : 'alike';
    return [
      {
        ...{ title: titleOf({ definition }), ratios, verdict },
        own: median(found.map(({ mine }) => mine)),
        other: median(found.map(({ theirs }) => theirs)),
      },
    ];
  });
}

/** The medians of both builds, and of the ratios with their range. */
export function pairsTable(figures: readonly PairedFigure[]): string {
  if (figures.length === 0) return 'The two builds have no figure in common.';
  const rows = figures.map(({ title, own, other, ratios, verdict }) => [
    title,
    formatNumber(other),
    formatNumber(own),
    formatNumber(median(ratios)),
    ratios.length === 1 ? '–' : `${formatNumber(Math.min(...ratios))}–${formatNumber(Math.max(...ratios))}`,
    String(ratios.length),
    verdict === 'alike' ? '–' : verdict.toUpperCase(),
  ]);
  return textTable(['Figure', 'Other build', 'This build', 'Ratio', 'Of the pairs', 'Pairs', ''], rows);
}
