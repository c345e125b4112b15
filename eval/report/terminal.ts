import { textTable } from '../measuring/format.ts';
import type { Evaluation } from '../replay/analysis.ts';
import type { QuestionSections } from './question-sections.ts';
import { sections } from './tables.ts';
import { durabilityLine, summaryLine } from './text.ts';

/** The tables of the report and its summary, as text for a terminal. */
export function terminalReport(evaluation: Evaluation, questions: QuestionSections): string {
  const tables = sections(evaluation, questions)
    .filter(({ table }) => table.rows.length > 0)
    .map(({ title, table }) => `\n${title}\n${textTable(table.header, table.rows)}`);
  return [...tables, `\n${summaryLine(evaluation)} ${durabilityLine(evaluation)}`].join('\n');
}
