import { formatNumber, textTable } from '../measuring/format.ts';
import type { BenchSession } from './bench-file.ts';
import { type FigureSummary, mediansOf, summarize, titleOf } from './bench-table.ts';
import type { BenchFigure } from './figure.ts';
import { FLOOR, ratioToFloor } from './figure.ts';

export type Verdict = 'slower' | 'faster' | 'alike';

/** A figure of two sessions, each as a ratio to the floor of its session; without a floor, the value itself. */
export interface Comparison {
  readonly title: string;
  readonly earlier: number;
  readonly now: number;
  /** How much worse: 2 is half as good as before, 0.5 twice as good. */
  readonly worse: number;
  readonly verdict: Verdict;
}

/** A smaller difference is not a change, even when the ranges do not overlap. */
const CHANGE_MIN = 1.1;
/** The same where a session has fewer than three values, whose spread is unknown. */
const CHANGE_MIN_OF_FEW = 1.25;
const FEW = 3;
/** If the floors differ more, the ratios are unreliable: a figure depends on more than the disk. */
const FLOOR_CHANGE_MAX = 1.5;

/**
 * The figures that both sessions have, the worst first. A figure is slower when its ratio became worse by a tenth or more (a quarter, from
 * fewer than three values) and neither median lies in the other session's range, since the rounds of one session already differ by that
 * much.
 */
export function compareSessions(earlier: readonly BenchFigure[], now: readonly BenchFigure[]): readonly Comparison[] {
  const before = summarize(earlier).filter(isCompared);
  const after = summarize(now).filter(isCompared);
  const compared = after.flatMap((one) => {
    const other = before.find(({ definition }) => definition.name === one.definition.name);
    return other === undefined ? [] : [compareFigure(inFloors(other, earlier), inFloors(one, now), one, Math.min(other.count, one.count))];
  });
  return compared.sort((a, b) => b.worse - a.worse);
}

const isCompared = ({ definition }: FigureSummary): boolean => definition.isCondition !== true;

interface Span {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

function inFloors({ definition, median, low, high }: FigureSummary, figures: readonly BenchFigure[]): Span {
  const medianOf = mediansOf(figures);
  const convert = (value: number): number => ratioToFloor(definition, value, medianOf) ?? value;
  return { median: convert(median), low: convert(low), high: convert(high) };
}

function compareFigure(earlier: Span, now: Span, summary: FigureSummary, count: number): Comparison {
  const changeMin = count < FEW ? CHANGE_MIN_OF_FEW : CHANGE_MIN;
  const isMore = summary.definition.better === 'more';
  const worse = earlier.median === now.median ? 1 : isMore ? earlier.median / now.median : now.median / earlier.median;
  const areApart = !isWithin(earlier.median, now) && !isWithin(now.median, earlier);
  const verdict = areApart && worse >= changeMin ? 'slower' : areApart && worse <= 1 / changeMin ? 'faster' : 'alike';
  return { title: titleOf(summary), earlier: earlier.median, now: now.median, worse, verdict };
}

const isWithin = (value: number, { low, high }: Span): boolean => value >= low && value <= high;

/** Slower figures, and all others below them. */
export function comparisonTable(earlier: BenchSession, now: BenchSession): string {
  const comparisons = compareSessions(earlier.figures, now.figures);
  if (comparisons.length === 0) return 'The earlier session has no figure in common with this one.';
  const rows = comparisons.map(({ title, earlier: before, now: after, worse, verdict }) => [
    title,
    formatNumber(before),
    formatNumber(after),
    worse >= 1 ? `${formatNumber(worse)} times worse` : `${formatNumber(1 / worse)} times better`,
    verdict === 'alike' ? '–' : verdict.toUpperCase(),
  ]);
  const slower = comparisons.filter(({ verdict }) => verdict === 'slower').length;
  return [
    `Against the session of ${earlier.session} (commit ${earlier.commit}), each figure as a ratio to the floor of its own session:`,
    ...differences(earlier, now),
    ...floorChange(earlier.figures, now.figures),
    textTable(['Figure, in floors', 'Earlier', 'Now', 'Change', ''], rows),
    slower === 0 ? 'Nothing got slower.' : `${slower} of ${comparisons.length} figures got slower.`,
  ].join('\n');
}

/** Reasons why two sessions are hard to compare. */
function differences(earlier: BenchSession, now: BenchSession): readonly string[] {
  const pairs = [
    ['environment', earlier.environment, now.environment],
    ['durability', earlier.durability, now.durability],
    ['nodes', String(earlier.nodes), String(now.nodes)],
  ] as const;
  return pairs
    .filter(([, before, after]) => before !== after)
    .map(([what, before, after]) => `Not the same ${what}: ${before} then, ${after} now.`);
}

function floorChange(earlier: readonly BenchFigure[], now: readonly BenchFigure[]): readonly string[] {
  const [before, after] = [mediansOf(earlier)(FLOOR.commit), mediansOf(now)(FLOOR.commit)];
  if (before === undefined || after === undefined) return [];
  const change = Math.max(before / after, after / before);
  if (change <= FLOOR_CHANGE_MAX) return [];
  return [
    `The floors differ by a factor of ${formatNumber(change)} (a commit took ${formatNumber(before)} ms, now ${formatNumber(after)} ms): ` +
      'these ratios are unreliable. Repeat the bench when the machine is as idle as it was.',
  ];
}
