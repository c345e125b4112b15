import { relative } from 'node:path';
import type { Chart } from '../charts/chart.ts';
import type { Environment } from '../measuring/environment.ts';
import { markdownTable } from '../measuring/format.ts';
import { type ReportContent, sections } from './tables.ts';
import { durabilityLine, invalidLines, LIMITS, methodLines, summaryLine } from './text.ts';

/** results/report.md, for the repository's page. */
export function markdownReport(
  content: ReportContent,
  charts: readonly Chart[],
  environments: Readonly<Record<string, Environment>>,
  folders: { readonly results: string; readonly plots: string },
): string {
  const { evaluation } = content;
  const plots = relative(folders.results, folders.plots).replaceAll('\\', '/');
  const picture = (name: string): string[] => {
    const chart = charts.find((candidate) => candidate.name === name);
    return chart === undefined ? [] : [`![${chart.title}](${plots}/${chart.name}.svg)`, ''];
  };
  const parts = sections(content).flatMap(({ title, note, table, charts: names }) => [
    `## ${title}`,
    '',
    note,
    '',
    ...(table.rows.length === 0 ? ['Not measured yet.'] : [markdownTable(table.header, table.rows)]),
    '',
    ...names.flatMap(picture),
  ]);
  const invalid = invalidLines(evaluation);
  return [
    '# Evaluation of jobraft',
    '',
    `**${summaryLine(evaluation)}** ${durabilityLine(evaluation)}`,
    '',
    'Written by `npm run plots` from `runs.csv` and the raw samples; nothing here was written by hand. The interactive version is `report.html`.',
    '',
    ...parts,
    '## How it was made',
    '',
    ...methodLines(evaluation, environments).map((line) => `- ${line}`),
    '',
    '## What it does not show',
    '',
    ...LIMITS.map((line) => `- ${line}`),
    '',
    ...(invalid.length === 0 ? [] : ['## Runs that do not count', '', ...invalid.map((line) => `- ${line}`), '']),
  ].join('\n');
}
