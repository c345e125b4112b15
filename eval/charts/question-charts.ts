import { basename, relative } from 'node:path';
import { readEnvironments } from '../measuring/environment.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { elections } from '../questions/elections/elections.ts';
import { failover } from '../questions/failover/failover.ts';
import { load } from '../questions/load/load.ts';
import { nodes } from '../questions/nodes/nodes.ts';
import type { Question } from '../questions/question.ts';
import { type Answer, questionFileOf, readAnswer } from '../questions/question-file.ts';
import { reasons } from '../questions/reasons/reasons.ts';
import { recovery } from '../questions/recovery/recovery.ts';
import { size } from '../questions/size.ts';
import type { Chart, ChartStyle } from './chart.ts';
import { readPeerLoads } from './peer-loads.ts';
import { electionsCharts } from './questions/elections-chart.ts';
import { failoverCharts } from './questions/failover-chart.ts';
import { loadCharts } from './questions/load-chart.ts';
import { nodesCharts } from './questions/nodes-chart.ts';
import { reasonsCharts } from './questions/reasons-chart.ts';
import { recoveryCharts } from './questions/recovery-chart.ts';
import { sizeCharts } from './questions/size-chart.ts';
import { writeChart } from './write-chart.ts';

type Draw = (style: ChartStyle) => readonly Chart[];
/** `undefined` if the question was not measured. */
type Read = (results: ResultsFolder) => Draw | undefined;

/** The charts of a question, of its CSV alone, which is read once for all styles. */
const drawnFrom =
  <Row extends object>(
    question: Question<Row>,
    charts: (answer: Answer<Row>, style: ChartStyle, results: ResultsFolder) => readonly Chart[],
  ): Read =>
  (results) => {
    const answer = readAnswer(results, question);
    const csv = basename(questionFileOf(results, question));
    return answer === undefined ? undefined : (style) => charts(answer, style, results).map((chart) => ({ ...chart, csv }));
  };

/** In the report's order. */
const CHARTS: readonly Read[] = [
  drawnFrom(load, (answer, style, results) => loadCharts(answer, style, peersOf(answer, results))),
  drawnFrom(elections, electionsCharts),
  drawnFrom(failover, failoverCharts),
  drawnFrom(nodes, (answer, style, results) => nodesCharts(answer, style, coresOf(answer, results))),
  drawnFrom(size, sizeCharts),
  drawnFrom(recovery, recoveryCharts),
  drawnFrom(reasons, reasonsCharts),
];

/** Processors of the machine that was measured. */
export const coresOf = ({ facts }: Answer<object>, { environmentFile }: ResultsFolder): number | undefined =>
  readEnvironments(environmentFile)[facts.environment]?.cores;

/** Those that are measured as durably as this system is. */
const peersOf = ({ facts }: Answer<object>, results: ResultsFolder) => (facts.durability === 'full' ? readPeerLoads(results, facts) : []);

export const WIDE: ChartStyle = { font: 'Inter', widthPx: 560 };

/**
 * The charts of every question that was measured, in each of the styles.
 * @param published drawn where there are no rows in `results`; the subtitles have the commit.
 * @throws {UserError} when a CSV is not what it should be.
 */
export function questionChartsIn(
  styles: readonly ChartStyle[],
  results: ResultsFolder,
  published?: ResultsFolder,
): readonly (readonly Chart[])[] {
  const draws = CHARTS.map((read): Draw => read(results) ?? publishedDraw(read, results, published));
  return styles.map((style) => draws.flatMap((draw) => draw(style)));
}

function publishedDraw(read: Read, results: ResultsFolder, published: ResultsFolder | undefined): Draw {
  const draw = published === undefined ? undefined : read(published);
  if (published === undefined || draw === undefined) return () => [];
  const folder = relative(results.path, published.path).replaceAll('\\', '/');
  return (style) => draw(style).map((chart) => ({ ...chart, csv: `${folder}/${chart.csv}`, isPublished: true }));
}

/** The same in one style. */
export const questionCharts = (results: ResultsFolder, style: ChartStyle = WIDE, published?: ResultsFolder): readonly Chart[] =>
  questionChartsIn([style], results, published).flat();

/** Writes them. @returns the paths of the SVG files. @throws {UserError} */
export async function drawQuestionCharts(results: ResultsFolder, plotsPath: string): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const chart of questionCharts(results)) paths.push(await writeChart(chart, plotsPath));
  return paths;
}
