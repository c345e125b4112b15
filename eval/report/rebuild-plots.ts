import { writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { allCharts, publishedCharts } from '../charts/all-charts.ts';
import type { Chart } from '../charts/chart.ts';
import { questionChartsIn, WIDE } from '../charts/question-charts.ts';
import { copyChart, writeChart } from '../charts/write-chart.ts';
import { readEnvironments } from '../measuring/environment.ts';
import { PUBLISHED } from '../measuring/output-folders.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { isSystemError, messageOf, UserError } from '../measuring/user-error.ts';
import { analyzeRuns, type Evaluation } from '../replay/analysis.ts';
import { RunFiles } from '../replay/run-files.ts';
import type { Settings } from '../replay/settings.ts';
import { benchCharts } from './bench-charts.ts';
import { htmlReport } from './html.ts';
import { markdownReport } from './markdown.ts';
import { publishedBeside } from './published-part.ts';
import { contentOf, type ReportContent } from './tables.ts';

export interface Written {
  readonly content: ReportContent;
  readonly report: string;
  readonly page: string;
  readonly charts: readonly string[];
}

/**
 * Rebuilds every chart and both reports from the CSVs and the raw samples alone. What was not measured is of the published session.
 * @param folders of the published session.
 * @throws {UserError} when there is nothing to read, or nowhere to write.
 */
export async function rebuildPlots(results: ResultsFolder, plotsPath: string, settings: Settings, folders = PUBLISHED): Promise<Written> {
  const plots = resolve(plotsPath);
  const files = RunFiles.at(results);
  if (files.readRows().length === 0) throw new UserError(`${files.file} holds no runs. Run "npm run eval" first.`);
  const evaluation = analyzeRuns(files, settings);
  const { font } = settings.charts;
  const published = publishedBeside(results, folders);
  const [wideOfQuestions = [], narrowOfQuestions = []] = questionChartsIn([WIDE, { font, widthPx: NARROW_PX }], results, published);
  const whole = published === undefined ? undefined : analyzeRuns(RunFiles.at(published), settings);
  const drawn = (style: (of: Evaluation) => Evaluation): readonly Chart[] => [
    ...allCharts(style(evaluation)),
    ...(published === undefined || whole === undefined
      ? []
      : publishedCharts(style(evaluation), style(whole), relative(results.path, published.runsFile).replaceAll('\\', '/'))),
  ];
  const charts = [...drawn((of) => of), ...wideOfQuestions, ...benchCharts(results)];
  const narrow = [...drawn(narrowed), ...narrowOfQuestions];
  const content = contentOf(evaluation, results, published, whole);
  const environments = readEnvironments(results.environmentFile);
  const report = join(results.path, 'report.md');
  const page = join(results.path, 'report.html');
  try {
    for (const chart of charts) await (chart.isPublished ? copyChart(chart, folders.plots, plots) : writeChart(chart, plots));
    const written = { results: results.path, plots };
    writeFileSync(report, markdownReport(content, charts, environments, written));
    writeFileSync(page, htmlReport(content, { wide: charts, narrow }, environments, written));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new UserError(
      `Charts and report cannot be written (${messageOf(error)}). Correct the folder's permissions, free some space, or name others with --out and --plots-out.`,
      {
        cause: error,
      },
    );
  }
  return { content, report, page, charts: charts.map(({ name }) => join(plots, `${name}.svg`)) };
}

/** For screens of 420 px: the page draws these in place of the wide ones. */
const NARROW_PX = 300;
const narrowed = (evaluation: Evaluation): Evaluation => ({
  ...evaluation,
  settings: { ...evaluation.settings, charts: { ...evaluation.settings.charts, widthPx: NARROW_PX } },
});
