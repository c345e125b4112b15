import { formatNumber, textTable } from '../measuring/format.ts';
import { median } from '../measuring/statistics.ts';
import { DEFINITIONS } from './all-measures.ts';
import type { BenchFigure, FigureDefinition, FloorKind, FloorMedians, Goal } from './figure.ts';
import { ratioToFloor } from './figure.ts';

/** A figure's values of one session, for the table and the comparison. */
export interface FigureSummary {
  readonly definition: FigureDefinition;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** How many of the values are of a rate that did not become steady. */
  readonly notSteady: number;
  /** Of the median; see `ratioToFloor`. */
  readonly ratio: number | undefined;
}

/** One summary for each figure, in the table's order. */
export function summarize(figures: readonly BenchFigure[]): readonly FigureSummary[] {
  const medianOf = mediansOf(figures);
  return DEFINITIONS.flatMap((definition) => {
    const found = figures.filter(({ figure }) => figure === definition.name);
    if (found.length === 0) return [];
    const values = found.map(({ value }) => value);
    const middle = median(values);
    const notSteady = found.filter(({ isSteady }) => isSteady === false).length;
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return [{ definition, median: middle, low, high, count: values.length, notSteady, ratio: ratioToFloor(definition, middle, medianOf) }];
  });
}

/** `undefined` for a figure without values. */
export const mediansOf =
  (figures: readonly BenchFigure[]): FloorMedians =>
  (name) => {
    const values = figures.filter(({ figure }) => figure === name).map(({ value }) => value);
    return values.length === 0 ? undefined : median(values);
  };

/** Value, range, goal and whether it is met, and the ratio to the floor, which does not depend on the machine's speed. */
export function benchTable(figures: readonly BenchFigure[]): string {
  const medianOf = mediansOf(figures);
  const rows = summarize(figures).map((summary) => [
    titleOf(summary),
    formatNumber(summary.median),
    summary.count === 1 ? '–' : `${formatNumber(summary.low)}–${formatNumber(summary.high)}`,
    summary.notSteady === 0 ? String(summary.count) : `${summary.count}, ${summary.notSteady} not steady`,
    (summary.definition.goals ?? []).map((goal) => describeGoal(goal, summary, medianOf)).join(', ') || '–',
    describeRatio(summary),
  ]);
  return textTable(['Figure', 'Median', 'Range', 'n', 'Goal', 'Against the floor'], rows);
}

export function describeValue({ median: middle, low, high, count }: FigureSummary): string {
  return count === 1 ? formatNumber(middle) : `${formatNumber(middle)} (${formatNumber(low)}–${formatNumber(high)})`;
}

export const titleOf = ({ definition: { name, unit } }: Pick<FigureSummary, 'definition'>): string =>
  `${name} (${unit === '%' ? '% of a core' : unit})`;

export function describeGoal(goal: Goal, summary: FigureSummary, medianOf: FloorMedians): string {
  const { better } = summary.definition;
  const limit = limitOf(goal, better, medianOf);
  const isOther = limit !== goal.limit;
  const text = `${goal.of === 'worst' ? 'worst ' : ''}${better === 'more' ? '≥' : '≤'} ${formatNumber(limit)}${isOther ? ` (${goal.orFigure})` : ''}`;
  return `${text} ${isMet(goal, summary, medianOf) ? 'met' : 'MISSED'}`;
}

/** A goal of `median` applies to the median, one of `worst` to the far end of the range. */
export function isMet(goal: Goal, { definition: { better }, median: middle, low, high }: FigureSummary, medianOf: FloorMedians): boolean {
  const limit = limitOf(goal, better, medianOf);
  const judged = goal.of === 'median' ? middle : better === 'more' ? low : high;
  return better === 'more' ? judged >= limit : judged <= limit;
}

function limitOf({ limit, orFigure }: Goal, better: 'more' | 'less', medianOf: FloorMedians): number {
  const other = orFigure === undefined ? undefined : medianOf(orFigure);
  if (other === undefined) return limit;
  return better === 'more' ? Math.min(limit, other) : Math.max(limit, other);
}

const FLOOR_WORDS: Readonly<Record<FloorKind, string>> = {
  commit: 'commits',
  reply: 'times commit + 2 round trips',
  disk: 'of the disk',
  none: '',
};

function describeRatio({ definition: { unit, floor }, ratio }: FigureSummary): string {
  if (ratio === undefined) return '–';
  return `${formatNumber(ratio)} ${unit === '/s' ? 'a commit' : FLOOR_WORDS[floor]}`;
}
