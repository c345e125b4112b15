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
  const isNumeric = header.map((_, column) => rows.every((row) => /^[\d.,–<>≈ ()x/-]*$/.test(row[column] ?? '')));
  return [line(header), line(isNumeric.map((numeric) => (numeric ? '---:' : '---'))), ...rows.map(line)].join('\n');
}
