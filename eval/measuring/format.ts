import { median } from './statistics.ts';

export { textTable } from '../../src/base/text-table.ts';

/** Three significant digits, thousands separated: `12,300`, `9.52`, `0.00412`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return Math.round(value).toLocaleString('en-US');
  if (magnitude === 0) return '0';
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(magnitude))));
  return value.toFixed(digits);
}

/** Of so few values a third digit would be chance. */
const FEW_VALUES = 3;

/** Two significant digits, thousands separated: `12,000`, `9.5`, `0.0041`. */
export function formatRough(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const rounded = Number(value.toPrecision(2));
  if (rounded === 0) return '0';
  const digits = Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(Math.abs(rounded)))));
  return digits === 0 ? rounded.toLocaleString('en-US') : rounded.toFixed(digits);
}

/** A figure of so many values: two significant digits of few, else three. */
export const formatFew = (value: number, count: number): string => (count <= FEW_VALUES ? formatRough(value) : formatNumber(value));

/** The median of a figure's values, as {@link formatFew}; a dash where there are none. */
export const formatMedian = (values: readonly number[]): string => (values.length === 0 ? '–' : formatFew(median(values), values.length));

/** `140,000 (110,000–150,000)`: median, lowest and highest of the values, each as {@link formatFew}. @param mark behind the median. */
export function formatSpread(values: readonly number[], mark = ''): string {
  const middle = `${formatMedian(values)}${mark}`;
  if (values.length < 2) return middle;
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => formatFew(value, values.length));
  return low === high ? middle : `${middle} (${low}–${high})`;
}

/** Milliseconds below this are less than the resolution of the clocks and timers involved. */
export const SMALLEST_SHOWN = 0.001;

/** `< 0.001` for values below the resolution. */
export const formatTiny = (value: number): string => (value < SMALLEST_SHOWN ? `< ${SMALLEST_SHOWN}` : formatNumber(value));

/** The published figures have two decimals at most; a third would be ours. */
export const formatPublished = (value: number): string => (value < 10 ? value.toFixed(2) : formatNumber(value));

export const formatCount = (value: number): string => value.toLocaleString('en-US');

/** `1 message`, `2,000 messages`. */
export const countOf = (count: number, what: string): string => `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;

/** A dash where there is no figure. */
export const formatOptional = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : formatNumber(value);

/** A table of GitHub's Markdown. Cells must not hold `|`. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const isNumeric = header.map((_, column) => rows.every((row) => /^[\d.,–<>≈ ()x/*-]*$/.test(row[column] ?? '')));
  return [line(header), line(isNumeric.map((numeric) => (numeric ? '---:' : '---'))), ...rows.map(line)].join('\n');
}
