import type { TopLevelSpec } from 'vega-lite';
import { countOf } from '../../measuring/format.ts';
import { steadyMark } from '../../measuring/steadiness.ts';
import type { NodesRow } from '../../questions/nodes/nodes-row.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import { type Chart, type ChartStyle, chartTitle, describeDurability } from '../chart.ts';
import { costPanel, type PanelPoint } from '../cost-panel.ts';
import { basisLine, pointsOf } from '../question-points.ts';
import { chartConfig, OKABE_ITO } from '../theme.ts';

/** The lines' names, and their rows. */
const MODES = {
  '4,000 in flight': ({ in_flight }: NodesRow) => in_flight > 1,
  'one at a time': ({ in_flight }: NodesRow) => in_flight === 1,
};
type Mode = keyof typeof MODES;
const NAMES: readonly Mode[] = ['4,000 in flight', 'one at a time'];
const COLORS = { '4,000 in flight': OKABE_ITO.blue, 'one at a time': OKABE_ITO.vermillion };

const CLUSTER_TICKS = [1, 3, 5, 7, 9, 11, 13];
/** Those of all sizes would cover each other on a narrow screen. */
const SIMULATED_TICKS = [1, 7, 13, 21, 31, 51];

/** Panels of the rate, of the time of an add, and of the messages and syncs that it costs, by the number of nodes. */
export function nodesCharts(answer: Answer<NodesRow>, { font, widthPx }: ChartStyle, cores?: number): readonly Chart[] {
  const { rows, facts } = answer;
  const title = nodesTitle(rows, cores);
  const many = '4,000 in flight';
  const panel = { widthPx, xTitle: 'Nodes', x: 'linear' } as const;
  const [messages, syncs] = [costPoints(rows, 'messages_per_add'), costPoints(rows, 'syncs_per_add')];
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        "Adds of 64 B, no consumer · lower two panels: points are the clusters' own counters, lines are counted in the simulator; one node sends no message",
        ...steadyLine(rows),
        ...basisLine(answer, `all nodes in one process, ${describeDurability(facts.durability)}`),
      ],
      widthPx,
    ),
    config: chartConfig(font),
    spacing: 24,
    resolve: { scale: { color: 'independent' } },
    vconcat: [
      costPanel(clusterPoints(rows, many, 'adds_per_s'), {
        ...{ ...panel, heightPx: 150, xTicks: CLUSTER_TICKS, y: 'linear', yTitle: 'Adds, 4,000 in flight (1/s)' },
        colors: { [many]: COLORS[many] },
      }),
      costPanel(
        NAMES.flatMap((name) => clusterPoints(rows, name, 'p99_ms')),
        { ...panel, heightPx: 150, xTicks: CLUSTER_TICKS, y: 'log', yTitle: 'Sending to reply, p99 (ms, log)', colors: COLORS },
      ),
      costPanel(messages, { ...panel, heightPx: 170, xTicks: SIMULATED_TICKS, y: 'log', yTitle: 'Messages an add (log)', colors: COLORS }),
      costPanel(syncs, { ...panel, heightPx: 170, xTicks: SIMULATED_TICKS, y: 'log', yTitle: 'Syncs an add (log)', colors: COLORS }),
    ],
  };
  return [{ name: 'nodes', title, question: 'What does a node more cost?', spec }];
}

/** Sizes whose rate became steady in no round. */
function steadyLine(rows: readonly AnswerRow<NodesRow>[]): readonly string[] {
  const rates = rows.filter((row) => row.subject === 'cluster' && MODES['4,000 in flight'](row));
  const sizes = [...Map.groupBy(rates, (row) => row.nodes)].filter(([, of]) => steadyMark(of) !== '').map(([size]) => size);
  return sizes.length === 0
    ? []
    : [`Rate not steady in any round: ${sizes.join(', ')} ${sizes.length === 1 && sizes[0] === 1 ? 'node' : 'nodes'}`];
}

type Column = 'adds_per_s' | 'p99_ms' | 'messages_per_add' | 'syncs_per_add';

/** Nothing is left out but what has no place on a logarithmic axis. */
function pointsIn(rows: readonly AnswerRow<NodesRow>[], subject: NodesRow['subject'], mode: Mode, column: Column): readonly PanelPoint[] {
  const of = rows.filter((row) => row.subject === subject && MODES[mode](row));
  return pointsOf(
    of,
    mode,
    (row) => row.nodes,
    (row) => (row[column] === 0 ? null : row[column]),
  );
}

const clusterPoints = (rows: readonly AnswerRow<NodesRow>[], mode: Mode, column: Column): readonly PanelPoint[] =>
  pointsIn(rows, 'cluster', mode, column);

/** Points of the clusters, and the simulator's line, which has the name at its end. */
const costPoints = (rows: readonly AnswerRow<NodesRow>[], column: Column): readonly PanelPoint[] =>
  NAMES.flatMap((name) => [
    ...clusterPoints(rows, name, column).map((point) => ({ ...point, drawn: 'points' as const })),
    ...pointsIn(rows, 'simulator', name, column).map((point) => ({ ...point, drawn: 'line' as const })),
  ]);

/** By the rates of the smallest and the largest cluster above one node, and the simulator's costs of an add alone. */
export function nodesTitle(rows: readonly AnswerRow<NodesRow>[], cores?: number): string {
  const rates = clusterPoints(rows, '4,000 in flight', 'adds_per_s').filter(({ x }) => x > 1);
  const [small, large] = [rates[0], rates.at(-1)];
  const [messages, syncs] = (['messages_per_add', 'syncs_per_add'] as const).map((column) =>
    slopeOf(pointsIn(rows, 'simulator', 'one at a time', column)),
  );
  if (small === undefined || large === undefined || messages === undefined || syncs === undefined)
    return 'Rates and costs by the number of nodes';
  const processors = cores === undefined ? '' : ` on ${countOf(cores, 'processor')}`;
  const cost = `${plain(messages)} messages and ${plain(syncs)} ${plain(syncs) === '1' ? 'sync' : 'syncs'}`;
  return `A node more costs an add alone ${cost}; ${large.x} nodes${processors} add ${large.label} jobs a second, ${small.x} nodes ${small.label}`;
}

/** Two digits after the point, and none of a whole number. */
const plain = (value: number): string => String(Number(value.toFixed(2)));

/** Increase from node to node, between the smallest and the largest size. */
function slopeOf(points: readonly PanelPoint[]): number | undefined {
  const [first, last] = [points[0], points.at(-1)];
  return first === undefined || last === undefined || first.x === last.x ? undefined : (last.value - first.value) / (last.x - first.x);
}
