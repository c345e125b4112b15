import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Chart } from '../charts/chart.ts';
import { fontFaceCss } from '../charts/font.ts';
import { compileChart } from '../charts/render-chart.ts';
import type { Environment } from '../measuring/environment.ts';
import type { Evaluation } from '../replay/analysis.ts';
import { sections, type Table } from './tables.ts';
import { durabilityLine, invalidLines, LIMITS, methodLines, summaryLine } from './text.ts';

/** results/report.html: one file with its charts, their data, the font and Vega inside; it loads nothing from a server. */
export function htmlReport(evaluation: Evaluation, charts: readonly Chart[], environments: Readonly<Record<string, Environment>>): string {
  const figure = (name: string): string => {
    const chart = charts.find((candidate) => candidate.name === name);
    if (chart === undefined) return '';
    return `<figure><div class="chart" id="chart-${name}" role="img" aria-label="${escapeHtml(`${chart.title}. ${chart.question}`)}"></div></figure>`;
  };
  const parts = sections(evaluation).map(
    ({ title, note, table, charts: names }) => `<section><h2>${escapeHtml(title)}</h2>
<p>${escapeHtml(note)}</p>
${table.rows.length === 0 ? '<p>Not measured yet.</p>' : htmlTable(table)}
${names.map(figure).join('\n')}
</section>`,
  );
  const specs = Object.fromEntries(charts.map((chart) => [chart.name, compileChart(chart.spec)]));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of jobraft</title>
<style>
${fontFaceCss()}
${STYLE}
</style>
</head>
<body>
<main>
<h1>Evaluation of jobraft</h1>
<p class="lead"><strong>${escapeHtml(summaryLine(evaluation))}</strong> ${escapeHtml(durabilityLine(evaluation))}</p>
<p>Written by <code>npm run plots</code> from <code>runs.csv</code> and the raw samples. Point at a mark to read its figure.</p>
${parts.join('\n')}
<section><h2>How it was made</h2>${htmlList(methodLines(evaluation, environments))}</section>
<section><h2>What it does not show</h2>${htmlList(LIMITS)}</section>
${invalidSection(evaluation)}
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

function invalidSection(evaluation: Evaluation): string {
  const lines = invalidLines(evaluation);
  return lines.length === 0 ? '' : `<section><h2>Runs that do not count</h2>${htmlList(lines)}</section>`;
}

function htmlTable({ header, rows }: Table): string {
  const isNumeric = header.map((_, column) => rows.every((row) => /^[\d–<]/.test(row[column] ?? '')) && column > 0);
  const cells = (row: readonly string[], tag: 'th' | 'td'): string =>
    row.map((cell, column) => `<${tag}${isNumeric[column] ? ' class="number"' : ''}>${escapeHtml(cell)}</${tag}>`).join('');
  return `<div class="wide"><table><thead><tr>${cells(header, 'th')}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')}</tbody></table></div>`;
}

/** Text between backquotes becomes code. */
const htmlList = (lines: readonly string[]): string =>
  `<ul>${lines.map((line) => `<li>${escapeHtml(line).replace(/`([^`]*)`/g, '<code>$1</code>')}</li>`).join('')}</ul>`;

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** A script element must not contain its own end tag. */
const scriptSafe = (script: string): string => script.replaceAll('</script', '<\\/script');

const STYLE = `
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.55 Inter, sans-serif; }
main { max-width: 980px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 12px; }
h2 { font-size: 21px; margin: 44px 0 8px; }
h1, h2, strong, th { font-weight: 600; }
.lead { font-size: 18px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; margin: 12px 0; }
th, td { text-align: left; padding: 6px 11px 6px 0; border-bottom: 1px solid #e6e6e6; vertical-align: bottom; }
td { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 20px 0; overflow-x: auto; }
code { font-size: 0.9em; background: #f4f4f4; padding: 1px 4px; border-radius: 3px; }
#tooltip { position: fixed; z-index: 1; background: #1a1a1a; color: #fff; padding: 7px 10px; border-radius: 5px; font-size: 13px; line-height: 1.45; pointer-events: none; max-width: 340px; }
`;

/** Runs in the reader's browser: draws each chart and shows the data of the mark under the pointer. */
const SCRIPT = `
const tooltip = document.getElementById('tooltip');
function showTooltip(handler, event, item, value) {
  if (value === null || value === undefined || value === '') { tooltip.hidden = true; return; }
  tooltip.replaceChildren(...(typeof value === 'object' ? Object.entries(value) : [['', String(value)]]).map(([key, text]) => {
    const line = document.createElement('div');
    line.textContent = key === '' ? text : key + ': ' + text;
    return line;
  }));
  tooltip.hidden = false;
  tooltip.style.left = Math.min(event.clientX + 14, window.innerWidth - tooltip.offsetWidth - 8) + 'px';
  tooltip.style.top = Math.min(event.clientY + 14, window.innerHeight - tooltip.offsetHeight - 8) + 'px';
}
document.fonts.ready.then(() => Promise.all([document.fonts.load('12px Inter'), document.fonts.load('600 12px Inter')])).finally(() => {
  for (const [name, spec] of Object.entries(specs)) {
    const element = document.getElementById('chart-' + name);
    if (element === null) continue;
    new vega.View(vega.parse(spec), { renderer: 'svg', container: element, hover: true, tooltip: showTooltip }).runAsync();
  }
});
`;
