import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { allCharts } from '../charts/all-charts.ts';
import { renderPng, renderSvg } from '../charts/render-chart.ts';
import { readEnvironments } from '../measuring/environment.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { isSystemError, messageOf, UserError } from '../measuring/user-error.ts';
import { analyzeRuns, type Evaluation } from '../replay/analysis.ts';
import { RunFiles } from '../replay/run-files.ts';
import type { Settings } from '../replay/settings.ts';
import { htmlReport } from './html.ts';
import { markdownReport } from './markdown.ts';

export interface Written {
  readonly evaluation: Evaluation;
  readonly report: string;
  readonly page: string;
  readonly charts: readonly string[];
}

/**
 * Rebuilds every chart and both reports from runs.csv and the raw samples alone.
 * @throws {UserError} when there is nothing to read, or nowhere to write.
 */
export async function rebuildPlots(results: ResultsFolder, plotsPath: string, settings: Settings): Promise<Written> {
  const plots = resolve(plotsPath);
  const files = RunFiles.at(results);
  if (files.readRows().length === 0) throw new UserError(`${files.file} holds no runs. Run "npm run eval" first.`);
  const evaluation = analyzeRuns(files, settings);
  const charts = allCharts(evaluation);
  const environments = readEnvironments(results.environmentFile);
  const report = join(results.path, 'report.md');
  const page = join(results.path, 'report.html');
  try {
    mkdirSync(plots, { recursive: true });
    for (const chart of charts) {
      const svg = await renderSvg(chart.spec);
      writeFileSync(join(plots, `${chart.name}.vl.json`), `${JSON.stringify(chart.spec, undefined, 2)}\n`);
      writeFileSync(join(plots, `${chart.name}.svg`), svg);
      writeFileSync(join(plots, `${chart.name}.png`), renderPng(svg));
    }
    writeFileSync(report, markdownReport(evaluation, charts, environments, { results: results.path, plots }));
    writeFileSync(page, htmlReport(evaluation, charts, environments));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UserError(
      `Charts and report cannot be written (${messageOf(error)}). Correct the folder's permissions, free some space, or name others with --out and --plots-out.`,
      {
        cause: error,
      },
    );
  }
  return { evaluation, report, page, charts: charts.map(({ name }) => join(plots, `${name}.svg`)) };
}
