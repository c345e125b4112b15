import { textWidth } from './text-width.ts';

/**
 * A table for a terminal: a header, a rule, and the rows. Columns are as wide as their widest cell; those that hold only numbers
 * are aligned to the right. Cells must not contain line breaks.
 */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const columns = header.map((_, column) => ({
    width: all.reduce((width, row) => Math.max(width, textWidth(row[column] ?? '')), 0),
    isNumeric: rows.every((row) => /^[\d.,–<>≈ ()x-]*$/.test(row[column] ?? '')),
  }));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ width, isNumeric }, column) => {
        const cell = row[column] ?? '';
        const blanks = ' '.repeat(width - textWidth(cell));
        return isNumeric ? blanks + cell : cell + blanks;
      })
      .join('  ')
      .trimEnd();
  return [line(header), columns.map(({ width }) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
