import type { TopLevelSpec } from 'vega-lite';
import type { BenchSession } from '../bench/bench-file.ts';
import { type FigureSummary, summarize } from '../bench/bench-table.ts';
import { CURVE, NODE_COUNTS } from '../bench/node-curve.ts';
import { formatNumber } from '../measuring/format.ts';
import { type Chart, describeDurability, wrapLines } from './chart.ts';
import { costPanel, type PanelPoint } from './cost-panel.ts';
import { chartConfig, OKABE_ITO } from './theme.ts';
import { writeChart } from './write-chart.ts';

const WIDTH_PX = 560;
const FONT = 'Inter';

/** Draws the charts for which the session has figures. @returns the paths of the SVG files. */
export async function drawBenchCharts(session: BenchSession, folder: string): Promise<readonly string[]> {
  const chart = nodeCurveChart(session);
  return chart === undefined ? [] : [await writeChart(chart, folder)];
}

/** Chart of the cost of more nodes: adds a second, the latency of one add, and messages and fsyncs for each committed job. */
export function nodeCurveChart(session: BenchSession): Chart | undefined {
  const summaries = summarize(session.figures);
  const rate = pointsOf(summaries, CURVE.rate, 'adds a second');
  if (rate.length === 0) return undefined;
  const alone = pointsOf(summaries, CURVE.aloneMs, 'milliseconds');
  const costs = (messages: string, fsyncs: string): PanelPoint[] => [
    ...pointsOf(summaries, messages, 'messages'),
    ...pointsOf(summaries, fsyncs, 'fsyncs'),
  ];
  const runs = Math.max(...summaries.filter(({ definition }) => definition.name === CURVE.rate).map(({ count }) => count));
  const title = 'Rates of clusters of 1 to 13 nodes, and their cost of one job';
  const panel = { widthPx: WIDTH_PX, heightPx: 150, xTitle: 'Nodes', x: 'linear', xTicks: NODE_COUNTS } as const;
  const both = { messages: OKABE_ITO.blue, fsyncs: OKABE_ITO.vermillion };
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: {
      text: title,
      subtitle: wrapLines(
        [
          `64 B, closed loop, clusters about a second after their start; costs from the nodes' own counters, summed over all nodes · n = ${runs} ${runs === 1 ? 'run' : 'runs'} a size, median and range`,
          `all nodes in one process, ${describeDurability(session.durability)} · commit ${shortCommit(session.commit)}`,
        ],
        WIDTH_PX,
      ),
    },
    config: chartConfig(FONT),
    spacing: 24,
    resolve: { scale: { color: 'independent' } },
    vconcat: [
      costPanel(rate, {
        ...panel,
        y: 'linear',
        yTitle: 'Adds a second, 4,000 in flight (1/s)',
        colors: { 'adds a second': OKABE_ITO.green },
      }),
      costPanel(alone, { ...panel, y: 'linear', yTitle: 'One add at a time, p50 (ms)', colors: { milliseconds: OKABE_ITO.purple } }),
      costPanel(costs(CURVE.aloneMessages, CURVE.aloneFsyncs), { ...panel, y: 'linear', yTitle: 'Per job, one at a time', colors: both }),
      costPanel(costs(CURVE.messages, CURVE.fsyncs), { ...panel, y: 'linear', yTitle: 'Per job, 4,000 in flight', colors: both }),
    ],
  };
  return { name: 'bench-node-curve', title, question: 'What do more nodes cost?', spec };
}

const shortCommit = (commit: string): string => commit.slice(0, 7) + (commit.endsWith('+dirty') ? '+dirty' : '');

function pointsOf(summaries: readonly FigureSummary[], figure: string, series: string): PanelPoint[] {
  return summaries.flatMap(({ definition, nodes, median, low, high }) =>
    definition.name === figure && nodes !== undefined ? [{ x: nodes, value: median, low, high, series, label: formatNumber(median) }] : [],
  );
}
