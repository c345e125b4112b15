import { formatNumber } from '../measuring/format.ts';
import type { Figure } from '../replay/analysis.ts';

/** A table of a report, in any of its forms. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A table of more rows is closed at first, where the form allows it. */
export const LONG_ROWS = 15;

/** A table with its heading and a note. */
export interface Section {
  readonly title: string;
  /** What the section shows; stated at its beginning, and nowhere else. */
  readonly answer?: string;
  /** The same in one short sentence, for the list of sections with which the report begins. */
  readonly brief?: string;
  readonly note: string;
  /** Definitions and limits, a line each. */
  readonly terms?: readonly string[];
  readonly table: Table;
  /** Names of the charts that belong to it. */
  readonly charts: readonly string[];
}

/** `8,120 (n=3, range 7,900–8,300)`, or `(n=10, 95 % 8,000–8,200)` */
export function withRuns(figure: Figure | undefined, confidence = 0.95): string {
  if (figure === undefined) return '–';
  const { spread } = figure;
  const kind = spread?.kind === 'interval' ? `${Math.round(confidence * 100)} %` : 'range';
  const range = spread === undefined ? '' : `, ${kind} ${formatNumber(spread.low)}–${formatNumber(spread.high)}`;
  return `${formatNumber(figure.median)} (n=${figure.runs}${range})`;
}
