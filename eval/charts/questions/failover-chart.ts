import type { TopLevelSpec } from 'vega-lite';
import { formatCount, formatRough, formatSpread } from '../../measuring/format.ts';
import {
  BIN_MS,
  BINS_FROM_MS,
  BINS_TO_MS,
  FAULTS,
  type FailoverRow,
  type LeaderFault,
  NODES_AS,
  type NodesAs,
} from '../../questions/failover/failover-row.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import { type Chart, type ChartStyle, chartTitle } from '../chart.ts';
import { answerLine } from '../question-points.ts';
import { chartConfig, HALO, OKABE_ITO, SOFT_INK } from '../theme.ts';

type Row = AnswerRow<FailoverRow>;

const COLORS: Readonly<Record<LeaderFault, string>> = {
  killed: OKABE_ITO.vermillion,
  paused: OKABE_ITO.blue,
  isolated: OKABE_ITO.green,
};

/** Names of the charts, of those kinds of nodes that were measured. */
export const failoverChartNames = (rows: readonly FailoverRow[]): readonly string[] => measuredAs(rows).map(nameOf);

const nameOf = (nodesAs: NodesAs): string => (nodesAs === 'threads' ? 'failover' : `failover-${nodesAs.replaceAll(' ', '-')}`);

/** Threads are those of all other charts. */
const PLACES: Readonly<Record<NodesAs, string | undefined>> = {
  threads: undefined,
  processes: 'as processes by gRPC on one machine',
  'shared folder': 'in one of two processes that share a folder',
};

const LEADERS: Readonly<Record<NodesAs, string>> = {
  threads: 'the leader',
  processes: 'the leader, a process,',
  'shared folder': 'the host of a shared folder',
};

const measuredAs = (rows: readonly FailoverRow[]): readonly NodesAs[] =>
  NODES_AS.filter((nodesAs) => rows.some((row) => row.nodes_as === nodesAs));

/** Charts of acknowledgements per 10 ms around each fault, one for each kind of nodes, with a panel a fault. */
export const failoverCharts = (answer: Answer<FailoverRow>, style: ChartStyle): readonly Chart[] =>
  measuredAs(answer.rows).map((nodesAs) =>
    failoverChart(nodesAs, { ...answer, rows: answer.rows.filter((row) => row.nodes_as === nodesAs) }, style),
  );

function failoverChart(nodesAs: NodesAs, answer: Answer<FailoverRow>, { font, widthPx }: ChartStyle): Chart {
  const title = failoverTitle(nodesAs, answer.rows);
  const summaries = answer.rows.filter(({ kind }) => kind === 'summary');
  const [acknowledged, lost] = [sumOf(summaries, 'acknowledged'), sumOf(summaries, 'lost')];
  const most = Math.max(...answer.rows.filter(({ kind }) => kind === 'bin').map((row) => row.acknowledged));
  const measured = FAULTS.filter((fault) => summaries.some((row) => row.fault === fault));
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        `Acknowledgements per ${BIN_MS} ms of 2,000 adds/s of 64 B on a fixed schedule · ${formatCount(acknowledged)} acknowledged, ${formatCount(lost)} lost`,
        'Dark: the round with the median gap, which is shaded; faint: the others',
        ...answerLine(answer, PLACES[nodesAs]),
      ],
      widthPx,
    ),
    config: chartConfig(font),
    spacing: 18,
    vconcat: measured.map((fault) =>
      panelOf(
        fault,
        answer.rows.filter((row) => row.fault === fault),
        { subject: nodesAs === 'shared folder' ? 'Host' : 'Leader', widthPx, most, isLast: fault === measured.at(-1) },
      ),
    ),
  };
  return { name: nameOf(nodesAs), title, question: 'What does a client see of a failover?', spec };
}

/** The medians of the gaps; losses first, if there are any. */
function failoverTitle(nodesAs: NodesAs, rows: readonly Row[]): string {
  const gaps = FAULTS.flatMap((fault) => {
    const of = gapsOf(rows, fault);
    return of.length === 0 ? [] : [`${formatSpread(of)} ms when it is ${fault}`];
  });
  const lost = sumOf(rows, 'lost');
  const losses = lost === 0 ? '' : `${formatCount(lost)} acknowledged adds are lost; `;
  const [first, ...rest] = gaps;
  const leader = LEADERS[nodesAs];
  if (first === undefined) return `Acknowledgements around a fault of ${leader.replace(/,$/, '')}`;
  const all = [first.replace('it is', `${leader} is`), ...rest].join(', ');
  return `${losses}${losses === '' ? 'No' : 'no'} add is acknowledged for ${all}`;
}

const gapsOf = (rows: readonly FailoverRow[], fault: LeaderFault): readonly number[] =>
  rows.flatMap((row) => (row.fault === fault && row.kind === 'summary' && row.gap_ms !== null ? [row.gap_ms] : []));

const sumOf = (rows: readonly FailoverRow[], column: 'acknowledged' | 'lost'): number =>
  rows.reduce((total, row) => total + (row.kind === 'summary' ? (row[column] ?? 0) : 0), 0);

/** The round in the middle, by its gap. */
function medianSummary(rows: readonly Row[]): Row | undefined {
  const summaries = rows.filter(({ kind, gap_ms }) => kind === 'summary' && gap_ms !== null);
  return summaries.sort((a, b) => (a.gap_ms ?? 0) - (b.gap_ms ?? 0))[Math.floor((summaries.length - 1) / 2)];
}

interface PanelStyle {
  /** What fails. */
  readonly subject: string;
  readonly widthPx: number;
  /** Acknowledgements of the largest bin in all panels. */
  readonly most: number;
  readonly isLast: boolean;
}

/** The top of the axis is the first of them that no bin is above. */
const Y_TOPS = [100, 200, 500, 1000, 2000, 5000, 10_000];

function panelOf(fault: LeaderFault, rows: readonly Row[], { subject, widthPx, most, isLast }: PanelStyle) {
  const middle = medianSummary(rows);
  const color = COLORS[fault];
  const gaps = gapsOf(rows, fault);
  // A thread cannot be killed as a process is.
  const meaning = fault === 'killed' && rows[0]?.nodes_as === 'threads' ? ' (its thread ends, its channels close)' : '';
  const top = Y_TOPS.find((tick) => tick >= most) ?? most;
  const x = {
    field: 'x',
    type: 'quantitative' as const,
    title: isLast ? 'Since the fault (ms)' : null,
    scale: { domain: [BINS_FROM_MS, BINS_TO_MS], nice: false },
    axis: { values: [-500, 0, 500, 1000, 1500, 2000, 2500, 3000], labels: isLast, grid: true },
  };
  const y = {
    field: 'value',
    type: 'quantitative' as const,
    title: `Per ${BIN_MS} ms (symlog)`,
    scale: { type: 'symlog' as const, constant: 5, domain: [0, top] },
    axis: { values: [...new Set([0, 20, 100, top])], grid: true, minExtent: 40 },
  };
  return {
    title: {
      text: `${subject} ${fault}${meaning}: ${gaps.length === 0 ? 'no gap' : `gap of ${formatSpread(gaps)} ms${lateStartOf(middle)}`}`,
      ...{ fontSize: 13, offset: 8, color, anchor: 'start' as const, frame: 'group' as const },
    },
    width: widthPx,
    height: 120,
    layer: [
      {
        data: { values: shadeOf(middle) },
        mark: { type: 'rect' as const, color, opacity: 0.25 },
        encoding: { x: { ...x, field: 'fromMs' }, x2: { field: 'toMs' } },
      },
      {
        data: { values: linesOf(rows, (row) => row.round !== middle?.round) },
        mark: { type: 'line' as const, interpolate: 'step-after' as const, strokeWidth: 1, opacity: 0.25, color },
        encoding: { x, y, detail: { field: 'round' } },
      },
      {
        data: { values: linesOf(rows, (row) => row.round === middle?.round) },
        mark: { type: 'line' as const, interpolate: 'step-after' as const, strokeWidth: 1.5, color },
        encoding: { x, y },
      },
      ...eventLayers(fault, middle, x),
    ],
  };
}

/** Where the last acknowledgement before the gap came so late that a reader sees it: the fault did not work at once. */
const lateStartOf = (middle: Row | undefined): string =>
  middle?.gap_from_ms == null || middle.gap_from_ms < BIN_MS ? '' : `, here from ${formatRough(middle.gap_from_ms)} ms on`;

const shadeOf = (middle: Row | undefined): object[] =>
  middle?.gap_from_ms == null || middle.gap_ms === null
    ? []
    : [{ fromMs: middle.gap_from_ms, toMs: middle.gap_from_ms + middle.gap_ms, series: middle.fault }];

const linesOf = (rows: readonly Row[], isDrawn: (row: Row) => boolean): object[] =>
  rows.flatMap((row) =>
    row.kind === 'bin' && isDrawn(row) ? [{ x: row.at_ms, value: row.acknowledged, round: row.round, series: row.fault }] : [],
  );

const REPAIRS: Readonly<Record<LeaderFault, string>> = { killed: 'started again', paused: 'goes on', isolated: 'reconnected' };

/** Lines at the fault and at the repair, each with a name. */
function eventLayers(fault: LeaderFault, middle: Row | undefined, x: object) {
  const events = [
    { x: 0, text: fault, series: fault },
    ...(middle?.repaired_ms == null ? [] : [{ x: middle.repaired_ms, text: REPAIRS[fault], series: fault }]),
  ];
  const data = { values: events };
  const text = { type: 'text' as const, align: 'right' as const, baseline: 'top' as const, dx: -4, color: SOFT_INK };
  const encoding = { x: { ...x, type: 'quantitative' as const }, y: { value: 2 }, text: { field: 'text' } };
  return [
    { data, mark: { type: 'rule' as const, color: SOFT_INK, strokeDash: [3, 3] }, encoding: { x: encoding.x } },
    { data, mark: { ...text, ...HALO }, encoding },
    { data, mark: text, encoding },
  ];
}
