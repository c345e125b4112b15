import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import type { Chart } from '../charts/chart.ts';
import { fontFaceCss } from '../charts/font.ts';
import { compileChart } from '../charts/render-chart.ts';
import { darkChartCss } from '../charts/theme.ts';
import type { Environment } from '../measuring/environment.ts';
import { SCRIPT } from './page-script.ts';
import { STYLE } from './page-style.ts';
import { LONG_ROWS, type Section, type Table } from './table.ts';
import { type ReportContent, sections } from './tables.ts';
import { cautions, durabilityLine, invalidLines, LIMITS, methodLines, summaryLine } from './text.ts';

/** The same charts for wide and for narrow screens. */
export interface PageCharts {
  readonly wide: readonly Chart[];
  readonly narrow: readonly Chart[];
}

interface PageSection {
  readonly title: string;
  readonly body: string;
}

/** results/report.html: one file with its charts, their data, the font and Vega inside; it loads nothing from a server. */
export function htmlReport(
  content: ReportContent,
  charts: PageCharts,
  environments: Readonly<Record<string, Environment>>,
  folders: { readonly results: string; readonly plots: string },
): string {
  const { evaluation } = content;
  const plots = relative(folders.results, folders.plots).replaceAll('\\', '/');
  const invalid = invalidLines(evaluation);
  const all = sections(content);
  const parts: readonly PageSection[] = [
    ...all.map((section) => ({ title: section.title, body: sectionBody(section, charts.wide, plots) })),
    { title: 'How it was made', body: htmlList(methodLines(evaluation, environments)) },
    { title: 'What it does not show', body: htmlList(LIMITS) },
    ...(invalid.length === 0 ? [] : [{ title: 'Runs that do not count', body: htmlList(invalid) }]),
  ];
  const specs = Object.fromEntries(
    charts.wide.map((chart) => {
      const narrow = charts.narrow.find(({ name }) => name === chart.name) ?? chart;
      return [chart.name, { wide: compileChart(chart.spec), narrow: compileChart(narrow.spec) }];
    }),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of jobraft</title>
<style>
${fontFaceCss()}
${STYLE}
${darkChartCss('.chart ')}
</style>
</head>
<body>
<main>
<h1>Evaluation of jobraft</h1>
<p class="lead"><strong>${escapeHtml(summaryLine(content))}</strong> ${escapeHtml(durabilityLine(evaluation))}</p>
${htmlList(cautions(content))}
<p>Written by <code>npm run plots</code> from the CSVs beside it and the raw samples. Point at a mark to read its figure.</p>
${answersOf(all)}
<nav aria-label="Contents"><ul>${parts.map(({ title }) => `<li><a href="#${idOf(title)}">${escapeHtml(title)}</a></li>`).join('')}</ul></nav>
${parts.map(({ title, body }) => `<section id="${idOf(title)}"><h2>${escapeHtml(title)}</h2>\n${body}\n</section>`).join('\n')}
</main>
<div id="tooltip" hidden></div>
<script>${scriptSafe(readFileSync(vegaBundle(), 'utf8'))}</script>
<script>
const specs = ${scriptSafe(JSON.stringify(specs))};
${SCRIPT}
</script>
</body>
</html>
`;
}

/** The bundle for browsers is beside the module that Node.js loads. */
const vegaBundle = (): string => join(dirname(createRequire(import.meta.url).resolve('vega')), 'vega.min.js');

const idOf = (title: string): string => title.toLowerCase().replace(/[^a-z0-9]+/g, '-');

function sectionBody({ title, answer, note, terms = [], table, charts: names }: Section, charts: readonly Chart[], plots: string): string {
  const figures = names.flatMap((name) => charts.filter((chart) => chart.name === name)).map((chart) => figureOf(chart, plots));
  const shown = table.rows.length === 0 ? '<p>Not measured yet.</p>' : foldedTable(table, title);
  const first = answer === undefined ? '' : `<p><strong>${escapeHtml(answer)}</strong></p>\n`;
  const lines = terms.length === 0 ? '' : `${htmlList(terms)}\n`;
  return `${first}<p>${escapeHtml(note)}</p>\n${lines}${shown}\n${figures.join('\n')}`;
}

/** A link to each section that has a short answer, with it. */
const answersOf = (all: readonly Section[]): string =>
  `<ul>${all.flatMap(({ title, brief }) => (brief === undefined ? [] : [`<li><a href="#${idOf(title)}">${escapeHtml(title)}</a> ${escapeHtml(brief)}</li>`])).join('')}</ul>`;

/** A long table is closed at first. */
function foldedTable(table: Table, title: string): string {
  const text = htmlTable(table, title);
  return table.rows.length > LONG_ROWS ? `<details><summary>Table of ${table.rows.length} rows</summary>${text}</details>` : text;
}

function figureOf({ name, title, question, spec, csv = 'runs.csv' }: Chart, plots: string): string {
  const series = seriesOf(spec);
  const toggles = series
    .map((one) => `<label><input type="checkbox" checked data-chart="${name}" value="${escapeHtml(one)}"> ${escapeHtml(one)}</label>`)
    .join('');
  return `<figure><div class="chart" id="chart-${name}" role="img" aria-label="${escapeHtml(`${title}. ${question}`)}"></div>
${series.length < 2 ? '' : `<fieldset class="toggles"><legend>Show:</legend>${toggles}</fieldset>`}
<figcaption>Rows: <a href="${csv}">${csv}</a>. Its data and spec: <a href="${plots}/${name}.vl.json">${name}.vl.json</a>.</figcaption></figure>`;
}

/** The names in the column `series` of the chart's data, wherever the spec has it. */
function seriesOf(spec: unknown): readonly string[] {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    else if (typeof value === 'object' && value !== null) {
      const series: unknown = Reflect.get(value, 'series');
      if (typeof series === 'string') names.add(series);
      for (const each of Object.values(value)) visit(each);
    }
  };
  visit(spec);
  return [...names];
}

function htmlTable({ header, rows }: Table, title: string): string {
  const isNumeric = header.map(
    (_, column) => column > 0 && rows.every((row) => /^[\d–<>]/.test(row[column] ?? '') && !/ms|msg/.test(row[column] ?? '')),
  );
  const classOf = (cell: string, column: number): string => {
    if (header[column] === 'Verdict') return ` class="verdict-${cell.replaceAll(' ', '-')}"`;
    return isNumeric[column] ? ' class="number"' : '';
  };
  const cells = (row: readonly string[], tag: 'th' | 'td'): string =>
    row.map((cell, column) => `<${tag}${tag === 'th' ? ' scope="col"' : ''}${classOf(cell, column)}>${escapeHtml(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('');
  return `<div class="wide" tabindex="0" role="region" aria-label="${escapeHtml(`Table: ${title}`)}"><table><thead><tr>${cells(header, 'th')}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** Text between backquotes becomes code. */
const htmlList = (lines: readonly string[]): string =>
  `<ul>${lines.map((line) => `<li>${escapeHtml(line).replace(/`([^`]*)`/g, '<code>$1</code>')}</li>`).join('')}</ul>`;

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** A script element must not contain its own end tag. */
const scriptSafe = (script: string): string => script.replaceAll('</script', '<\\/script');
