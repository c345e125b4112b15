import { relative } from 'node:path';
import type { Chart } from '../charts/chart.ts';
import type { Environment } from '../measuring/environment.ts';
import { markdownTable } from '../measuring/format.ts';
import { LONG_ROWS, type Section, type Table } from './table.ts';
import { type ReportContent, sections } from './tables.ts';
import { cautions, durabilityLine, invalidLines, LIMITS, methodLines, summaryLine } from './text.ts';

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
  const all = sections(content);
  const parts = all.flatMap(({ title, answer, note, terms = [], table, charts: names }) => [
    `## ${title}`,
    '',
    ...(answer === undefined ? [] : [`**${answer}**`, '']),
    note,
    '',
    ...(terms.length === 0 ? [] : [...terms.map((line) => `- ${line}`), '']),
    ...(table.rows.length === 0 ? ['Not measured yet.'] : foldedTable(table)),
    '',
    ...names.flatMap(picture),
  ]);
  const invalid = invalidLines(evaluation);
  return [
    '# Evaluation of jobraft',
    '',
    `**${summaryLine(content)}** ${durabilityLine(evaluation)}`,
    '',
    ...cautions(content).map((line) => `- ${line}`),
    '',
    'Written by `npm run plots` from the CSVs beside it and the raw samples; nothing here was written by hand. The interactive version is `report.html`.',
    '',
    ...answersOf(all),
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

/** A link to each section that has a short answer, with it. */
const answersOf = (all: readonly Section[]): readonly string[] =>
  all.flatMap(({ title, brief }) => (brief === undefined ? [] : [`- [${title}](#${anchorOf(title)}) ${brief}`]));

/** As the repository's page names its headings. */
const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

/** A long table is closed at first. */
function foldedTable({ header, rows }: Table): readonly string[] {
  const text = markdownTable(header, rows);
  return rows.length > LONG_ROWS ? ['<details>', `<summary>Table of ${rows.length} rows</summary>`, '', text, '', '</details>'] : [text];
}
