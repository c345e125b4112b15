import type { TopLevelSpec } from 'vega-lite';
import { formatNumber } from '../measuring/format.ts';
import type { CaseFigures, Evaluation, Figure } from '../replay/analysis.ts';
import { formatBytes } from '../replay/run-plan.ts';
import { BYTE_SIZE, type Chart, chartTitle, countLine, logDomain, logTicks, PLAIN_NUMBER, provenanceLine, sizeTicks } from './chart.ts';
import { chartConfig, HALO, OKABE_ITO } from './theme.ts';

/** A point of a line over payload sizes. */
interface Point {
  readonly payloadBytes: number;
  readonly size: string;
  readonly series: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly label: string;
}

const MEGABYTE = 1e6;

/** Chart of capacity: messages and bytes a second against payload size. */
export function throughputBySize(evaluation: Evaluation): Chart | undefined {
  const { sweep, settings } = evaluation;
  if (sweep.length === 0) return undefined;
  const messages = points(sweep, 'messages a second', ({ throughput }) => throughput);
  const bytes = points(sweep, 'MB a second', ({ throughput, payloadBytes }) => scaled(throughput, payloadBytes / MEGABYTE));
  const title = capacityTitle(sweep);
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        `Added, acknowledged, claimed and completed; closed loop, cold · ${countLine(
          sweep.map(({ throughput }) => throughput),
          settings.statistics.confidence,
        )}`,
        provenanceLine(evaluation),
      ],
      settings.charts.widthPx,
    ),
    config: chartConfig(settings.charts.font),
    spacing: 26,
    resolve: { scale: { color: 'independent' } },
    vconcat: [
      panel(settings.charts.widthPx, messages, 'Delivered messages a second (msg/s, log scale)', { 'messages a second': OKABE_ITO.blue }),
      panel(settings.charts.widthPx, bytes, 'Delivered payload a second (MB/s, log scale)', { 'MB a second': OKABE_ITO.green }),
    ],
  };
  return { name: 'throughput-by-size', title, question: 'How much can the cluster take, from 4 B to 1 MiB a message?', spec };
}

/** The title states the result, from the figures. */
function capacityTitle(sweep: readonly CaseFigures[]): string {
  const [smallest, largest] = [sweep[0], sweep.at(-1)];
  if (smallest?.throughput === undefined || largest?.throughput === undefined) return 'Capacity against payload size';
  const bytes = (largest.throughput.median * largest.payloadBytes) / MEGABYTE;
  return `A cold cluster delivers ${formatNumber(smallest.throughput.median)} messages of ${formatBytes(smallest.payloadBytes)} a second, or ${formatNumber(bytes)} MB/s of ${formatBytes(largest.payloadBytes)} each`;
}

function points(cases: readonly CaseFigures[], series: string, pick: (of: CaseFigures) => Figure | undefined): Point[] {
  return cases.flatMap((of) => {
    const figure = pick(of);
    if (figure === undefined) return [];
    return [
      {
        payloadBytes: of.payloadBytes,
        size: formatBytes(of.payloadBytes),
        series,
        value: figure.median,
        low: figure.spread?.low ?? null,
        high: figure.spread?.high ?? null,
        label: formatNumber(figure.median),
      },
    ];
  });
}

function scaled(figure: Figure | undefined, factor: number): Figure | undefined {
  if (figure === undefined) return undefined;
  const { median, spread, runs } = figure;
  return { median: median * factor, spread: spread && { ...spread, low: spread.low * factor, high: spread.high * factor }, runs };
}

/** Labels are on the side where the line descends, so that it does not cross them. */
function besideLine(values: readonly Point[]): { readonly align: 'left' | 'right'; readonly dx: number } {
  const isRising = (values.at(-1)?.value ?? 0) > (values[0]?.value ?? 0);
  return isRising ? { align: 'right', dx: 8 } : { align: 'left', dx: -8 };
}

/** One plane with log axes; every point is labelled. */
function panel(widthPx: number, values: readonly Point[], axisTitle: string, colors: Readonly<Record<string, string>>) {
  const domain = logDomain(values.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]));
  const sizes = [...new Set(values.map(({ payloadBytes }) => payloadBytes))];
  const sizeDomain = [Math.min(...sizes), Math.max(...sizes)];
  const x = {
    field: 'payloadBytes',
    type: 'quantitative' as const,
    scale: { type: 'log' as const, base: 2, domain: sizeDomain, nice: false, padding: 22 },
    title: 'Payload of a message (log scale)',
    axis: { values: sizeTicks(sizes, widthPx), labelExpr: BYTE_SIZE, labelOverlap: false as const },
  };
  const scale = { type: 'log' as const, domain };
  const y = {
    field: 'value',
    type: 'quantitative' as const,
    scale,
    title: axisTitle,
    axis: { values: logTicks(domain), labelExpr: PLAIN_NUMBER, grid: true },
  };
  const color = { field: 'series', type: 'nominal' as const, scale: { domain: Object.keys(colors), range: Object.values(colors) } };
  const tooltip = [
    { field: 'size', title: 'Payload' },
    { field: 'series', title: 'Figure' },
    { field: 'label', title: 'Median' },
  ];
  const label = { type: 'text' as const, ...besideLine(values), dy: -12 };
  return {
    width: widthPx,
    height: 240,
    data: { values: [...values] },
    layer: [
      { mark: { type: 'line' as const, strokeWidth: 2 }, encoding: { x, y, color } },
      {
        transform: [{ filter: 'datum.low != null' }],
        mark: { type: 'rule' as const, strokeWidth: 2, opacity: 0.5 },
        encoding: { x, y: { field: 'low', type: 'quantitative' as const, scale }, y2: { field: 'high' }, color },
      },
      { mark: { ...label, ...HALO }, encoding: { x, y, text: { field: 'label' } } },
      { mark: { type: 'point' as const, filled: true, size: 55, opacity: 1 }, encoding: { x, y, color, tooltip } },
      { mark: label, encoding: { x, y, color, text: { field: 'label' } } },
    ],
  };
}
