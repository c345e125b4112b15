import type { TopLevelSpec } from 'vega-lite';
import { formatCount, formatFew } from '../measuring/format.ts';
import type { Evaluation, LatencyDistribution } from '../replay/analysis.ts';
import { formatBytes } from '../replay/run-plan.ts';
import { type Chart, type ChartLayer, chartTitle, logDomain, logTicks, PLAIN_NUMBER, provenanceLine } from './chart.ts';
import { chartConfig, HALO, INK, OKABE_ITO } from './theme.ts';

/** Chart of the spread of the acknowledgement's latency for each payload size, from the raw samples. */
export function latencyDistribution(evaluation: Evaluation): Chart | undefined {
  const { distributions, settings } = evaluation;
  if (distributions.length === 0) return undefined;
  const values = distributions.map(({ lateRuns: _late, onTime: _onTime, ...of }) => ({
    ...of,
    size: formatBytes(of.payloadBytes),
    label: `p50 ${formatFew(of.p50, of.runs)} · ${of.highName} ${formatFew(of.high, of.runs)}`,
    count: formatCount(of.samples),
  }));
  const counts = distributions.map(({ samples }) => samples);
  const title = titleOf(distributions);
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        `Line: p1 to the named percentile, box: p25 to p75, tick: median, over all samples of its runs · open loop, n = ${rangeOf(counts)} messages a size`,
        `p99 from 1,000 messages, p90 from 100, else the maximum · ${provenanceLine(evaluation)}`,
      ],
      settings.charts.widthPx,
    ),
    config: chartConfig(settings.charts.font),
    data: { values },
    width: settings.charts.widthPx,
    height: { step: 28 },
    layer: boxLayers(
      values.map(({ size }) => size),
      domainOf(distributions),
    ),
  };
  return { name: 'latency-distribution', title, question: 'How evenly do messages of one size wait?', spec };
}

function titleOf(distributions: readonly LatencyDistribution[]): string {
  const [smallest, largest] = [distributions[0], distributions.at(-1)];
  if (smallest === undefined || largest === undefined || smallest === largest) return 'Time until an add is acknowledged, by payload';
  return `Half of the adds of ${formatBytes(smallest.payloadBytes)} are acknowledged within ${formatFew(smallest.p50, smallest.runs)} ms, of ${formatBytes(largest.payloadBytes)} within ${formatFew(largest.p50, largest.runs)} ms`;
}

/** With space for the label to the right of the highest percentile. */
function domainOf(distributions: readonly LatencyDistribution[]): [number, number] {
  const [low, high] = logDomain(distributions.flatMap((of) => [of.p1, of.high]));
  return [low, Math.max(...distributions.map((of) => of.high)) > high / 6 ? high * 10 : high];
}

/** A line from p1 to the highest percentile, a box from p25 to p75, a tick at the median, and the label. */
function boxLayers(sizes: string[], domain: [number, number]): ChartLayer[] {
  const scale = { type: 'log' as const, domain };
  const y = { field: 'size', type: 'nominal' as const, sort: sizes, title: 'Payload of a message', axis: { grid: true } };
  return [
    {
      mark: { type: 'rule', strokeWidth: 2, color: OKABE_ITO.skyBlue },
      encoding: {
        y,
        x: {
          field: 'p1',
          type: 'quantitative',
          scale,
          title: 'Acknowledged − intended start (ms, log scale)',
          axis: { values: logTicks(domain), labelExpr: PLAIN_NUMBER, grid: true },
        },
        x2: { field: 'high' },
      },
    },
    {
      mark: { type: 'bar', size: 11, color: OKABE_ITO.blue },
      encoding: { y, x: { field: 'p25', type: 'quantitative', scale }, x2: { field: 'p75' }, tooltip: TOOLTIP },
    },
    {
      mark: { type: 'tick', size: 17, thickness: 3, color: INK, opacity: 1 },
      encoding: { y, x: { field: 'p50', type: 'quantitative', scale } },
    },
    ...[HALO, {}].map((halo) => ({
      mark: { type: 'text' as const, align: 'left' as const, dx: 8, ...halo },
      encoding: { y, x: { field: 'high', type: 'quantitative' as const, scale }, text: { field: 'label' } },
    })),
  ];
}

const TOOLTIP = [
  { field: 'size', title: 'Payload' },
  { field: 'count', title: 'Messages' },
  { field: 'p25', title: 'p25 (ms)', format: '.3~r' },
  { field: 'p50', title: 'p50 (ms)', format: '.3~r' },
  { field: 'p75', title: 'p75 (ms)', format: '.3~r' },
  { field: 'high', title: 'highest (ms)', format: '.3~r' },
];

function rangeOf(counts: readonly number[]): string {
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  return fewest === most ? formatCount(most) : `${formatCount(fewest)}–${formatCount(most)}`;
}
