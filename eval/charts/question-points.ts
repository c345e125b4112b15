import { formatFew } from '../measuring/format.ts';
import { median } from '../measuring/statistics.ts';
import type { Answer, AnswerRow, SessionFacts } from '../questions/question-file.ts';
import { describeDurability } from './chart.ts';
import type { PanelPoint } from './cost-panel.ts';

/** A line of medians over the rounds, with their ranges; rows without a value are left out. */
export function pointsOf<Row>(
  rows: readonly AnswerRow<Row>[],
  series: string,
  x: (row: Row) => number,
  value: (row: Row) => number | null,
): readonly PanelPoint[] {
  const values = rows.flatMap((row) => {
    const of = value(row);
    return of === null ? [] : [{ x: x(row), of }];
  });
  const places = [...Map.groupBy(values, (each) => each.x)].sort(([a], [b]) => a - b);
  return places.map(([at, all]) => {
    const of = all.map((each) => each.of);
    const middle = median(of);
    const range = of.length < 2 ? {} : { low: Math.min(...of), high: Math.max(...of) };
    return { x: at, value: middle, ...range, series, label: formatFew(middle, of.length) };
  });
}

/** The basis of a question's chart, for its subtitle. @param place of the nodes. */
export const answerLine = (answer: Answer<object>, place = 'in one process'): readonly string[] => {
  const { nodes, durability } = answer.facts;
  return basisLine(answer, `${nodes} nodes ${place}, ${describeDurability(durability)}`);
};

/** The same of other clusters than the session's. */
export function basisLine({ facts, rows }: Answer<object>, clusters: string): readonly string[] {
  const rounds = new Set(rows.map(({ round }) => round)).size;
  const spread = rounds === 1 ? '1 round' : `${rounds} rounds, median and range`;
  return [`${spread} · ${clusters} · commit ${shortCommit(facts)}`];
}

export const shortCommit = ({ commit }: Pick<SessionFacts, 'commit'>): string =>
  commit.slice(0, 7) + (commit.endsWith('+dirty') ? '+dirty' : '');
