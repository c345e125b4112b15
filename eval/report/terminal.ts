import { textTable } from '../measuring/format.ts';
import { type ReportContent, sections } from './tables.ts';
import { cautions, durabilityLine, summaryLine } from './text.ts';

/** The tables of the report and its summary, as text for a terminal. */
export function terminalReport(content: ReportContent): string {
  const { evaluation } = content;
  const tables = sections(content)
    .filter(({ table }) => table.rows.length > 0)
    .map(({ title, table }) => `\n${title}\n${textTable(table.header, table.rows)}`);
  return [...tables, `\n${summaryLine(content)} ${durabilityLine(evaluation)}`, ...cautions(content)].join('\n');
}
