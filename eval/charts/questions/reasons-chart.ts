import type { TopLevelSpec } from 'vega-lite';
import { formatCount, formatFew } from '../../measuring/format.ts';
import { NOT_STEADY, steadyMark } from '../../measuring/steadiness.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import { batchingFactors, type Range } from '../../questions/reasons/reasons-figures.ts';
import type { ReasonsRow } from '../../questions/reasons/reasons-row.ts';
import { GROWING, VARIANT_NAMES, type VariantName } from '../../questions/reasons/variants.ts';
import { type Chart, type ChartStyle, chartTitle, isNarrow, logDomain, logTicks, PLAIN_NUMBER } from '../chart.ts';
import { costPanel, type PanelPoint } from '../cost-panel.ts';
import { basisLine, pointsOf } from '../question-points.ts';
import { chartConfig, ELSEWHERE, HALO, OKABE_ITO } from '../theme.ts';

const AS_IT_IS: VariantName = 'jobraft as it is';
const WHOLE_LOG: VariantName = 'whole log rewritten';
/** The message near which the published run of the original stopped. */
const STOPPED_AT = 475;
const CLUSTERS = '3 nodes in one process, synced on a majority except with durability off';
const COLORS: Readonly<Record<VariantName, string>> = {
  'jobraft as it is': OKABE_ITO.blue,
  'group commit off': OKABE_ITO.skyBlue,
  'one command an entry': OKABE_ITO.green,
  'neither of the two': OKABE_ITO.orange,
  'whole log rewritten': OKABE_ITO.vermillion,
  'durability off': OKABE_ITO.purple,
};

/** The variants' rates and times, and the time of an add against the number of those before it. */
export function reasonsCharts(answer: Answer<ReasonsRow>, style: ChartStyle): readonly Chart[] {
  const hasGrowth = answer.rows.some(({ kind }) => kind === 'growth');
  return hasGrowth ? [dotsChart(answer, style), growthChart(answer, style)] : [dotsChart(answer, style)];
}

interface Dot {
  readonly series: VariantName;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly label: string;
}

function dotsChart(answer: Answer<ReasonsRow>, { font, widthPx }: ChartStyle): Chart {
  const { rows } = answer;
  const rates = dotsOf(rows, 'rate', ({ adds_per_s }) => adds_per_s);
  const times = dotsOf(rows, 'alone', ({ p50_ms }) => p50_ms);
  const title = rateTitle(rows);
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        `Adds of 64 B, no consumer, 16 clients${markLine(rates)} · "neither of the two": no group commit, and one command an entry`,
        ...basisLine(answer, CLUSTERS),
      ],
      widthPx,
      BESIDE_PX,
    ),
    config: chartConfig(font),
    spacing: 24,
    vconcat: [
      dotPanel(withoutCommonMark(rates), { widthPx, xTitle: 'Adds, 4,000 in flight (1/s, log scale)' }),
      dotPanel(times, { widthPx, xTitle: 'One add at a time, p50 (ms, log scale)' }),
    ],
  };
  return { name: 'reasons', title, question: 'Why is it fast?', spec };
}

/** What the variants' names take beside the bars. */
const BESIDE_PX = 150;

function dotsOf(
  rows: readonly AnswerRow<ReasonsRow>[],
  kind: ReasonsRow['kind'],
  value: (row: ReasonsRow) => number | null,
): readonly Dot[] {
  return VARIANT_NAMES.flatMap((variant) => {
    const of = rows.filter((row) => row.kind === kind && row.variant === variant);
    const [point] = pointsOf(of, variant, () => 0, value);
    if (point === undefined) return [];
    const mark = kind === 'rate' ? steadyMark(of) : '';
    const { value: middle, low = middle, high = middle, label } = point;
    return [{ series: variant, value: middle, low, high, label: `${label}${mark}` }];
  });
}

/** What the mark means; without it where all rates have it. */
function markLine(rates: readonly Dot[]): string {
  const marked = rates.filter(({ label }) => label.endsWith(NOT_STEADY)).length;
  if (marked === 0) return '';
  return marked === rates.length ? ' · no rate became steady' : ` · ${NOT_STEADY} not steady in any round`;
}

/** A mark that all have says nothing. */
const withoutCommonMark = (dots: readonly Dot[]): readonly Dot[] =>
  dots.every(({ label }) => label.endsWith(NOT_STEADY))
    ? dots.map((dot) => ({ ...dot, label: dot.label.slice(0, -NOT_STEADY.length) }))
    : dots;

/** Dots, and no bars: on a logarithmic axis the length of a bar says nothing. */
function dotPanel(dots: readonly Dot[], { widthPx, xTitle }: { readonly widthPx: number; readonly xTitle: string }) {
  const domain = logDomain(dots.flatMap(({ low, high }) => [low, high]));
  const scale = { type: 'log' as const, domain, nice: false };
  const axis = { values: logTicks(domain), labelExpr: PLAIN_NUMBER, grid: true };
  const y = { field: 'series', type: 'nominal' as const, sort: null, title: null, axis: { labelPadding: 8, grid: true } };
  const x = (field: string) => ({ field, type: 'quantitative' as const, title: xTitle, scale, axis });
  const color = { field: 'series', type: 'nominal' as const, scale: { domain: Object.keys(COLORS), range: Object.values(COLORS) } };
  const label = { align: 'left' as const, dx: 9, baseline: 'middle' as const };
  return {
    width: isNarrow(widthPx) ? widthPx - BESIDE_PX / 3 : widthPx,
    height: { step: 26 },
    data: { values: dots },
    layer: [
      { mark: { type: 'rule' as const, strokeWidth: 3, opacity: 0.5 }, encoding: { y, x: x('low'), x2: { field: 'high' }, color } },
      { mark: { type: 'point' as const, filled: true, size: 90, opacity: 1 }, encoding: { y, x: x('value'), color } },
      { mark: { type: 'text' as const, ...label, ...HALO }, encoding: { y, x: x('high'), text: { field: 'label' } } },
      { mark: { type: 'text' as const, ...label, fontWeight: 600 as const }, encoding: { y, x: x('high'), text: { field: 'label' } } },
    ],
  };
}

function growthChart(answer: Answer<ReasonsRow>, { font, widthPx }: ChartStyle): Chart {
  const lines = GROWING.flatMap((variant) =>
    pointsOf(
      answer.rows.filter((row) => row.kind === 'growth' && row.variant === variant),
      variant,
      ({ last_add }) => last_add,
      ({ p50_ms }) => p50_ms,
    ).map(({ low: _low, high: _high, ...point }): PanelPoint => ({ ...point, drawn: 'line' })),
  );
  const title = growthTitle(lines);
  const ends = lines.map(({ x }) => x);
  const ticks = [0, 250, STOPPED_AT, 750, 1000].filter((tick) => tick <= Math.max(...ends));
  const panel = costPanel(lines, {
    ...{
      widthPx,
      heightPx: 240,
      xTitle: 'Messages so far',
      x: 'linear',
      xTicks: ticks,
      y: 'log',
      yTitle: 'One add, median of 25 (ms, log)',
    },
    colors: Object.fromEntries(GROWING.map((variant) => [variant, COLORS[variant]])),
  });
  const mark = {
    data: { values: [{ at: STOPPED_AT, note: `message ${STOPPED_AT}, for orientation` }] },
    layer: [
      { mark: { type: 'rule' as const, strokeDash: [4, 4], strokeWidth: 1.5, color: ELSEWHERE }, encoding: { x: at } },
      {
        mark: { type: 'text' as const, align: 'left' as const, baseline: 'top' as const, dx: 6, color: ELSEWHERE, y: 0 },
        encoding: { x: at, text: { field: 'note' } },
      },
    ],
  };
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        `Adds of 640 B, one at a time without pauses, after 500 of 1 B, for which the code is compiled · message ${STOPPED_AT}: near it the original stopped, another program on another machine ("Crashed around ${STOPPED_AT}")`,
        ...basisLine(answer, '3 nodes in one process, synced on a majority').map((line) => line.replace('median and range', 'median')),
      ],
      widthPx,
    ),
    config: chartConfig(font),
    ...panel,
    layer: [...panel.layer, mark],
  };
  return { name: 'reasons-growth', title, question: 'Why does a log that is rewritten as a whole slow down?', spec };
}

const at = { field: 'at', type: 'quantitative' as const };

/** What batching gives, at both levels and at each alone, against neither. */
function rateTitle(rows: readonly AnswerRow<ReasonsRow>[]): string {
  const factors = batchingFactors(rows);
  if (factors === undefined) return 'Rates with and without what makes it fast';
  const few = (value: number): string => formatFew(value, factors.rounds);
  const times = ({ median, low, high }: Range): string => `${few(median)} (${few(low)}–${few(high)})`;
  return `Batching at both levels makes it ${times(factors.both)} times as fast as at neither; many commands an entry alone ${times(factors.commandsAlone)} times, group commit alone ${times(factors.commitsAlone)} times`;
}

/** The times of both lines near the first message and at the end. */
function growthTitle(lines: readonly PanelPoint[]): string {
  const end = Math.max(...lines.map(({ x }) => x));
  const start = Math.min(...lines.map(({ x }) => x));
  const from = (variant: VariantName): string | undefined => {
    const [first, last] = [start, end].map((place) => lines.find(({ series, x }) => series === variant && x === place)?.label);
    return first === undefined || last === undefined ? undefined : `${first} to ${last} ms`;
  };
  const [own, whole] = [from(AS_IT_IS), from(WHOLE_LOG)];
  if (own === undefined || whole === undefined) return 'The time of an add against the number of messages';
  return `Where each add rewrites the whole log, an add goes from ${whole} within ${formatCount(end)} messages; in jobraft, which appends, from ${own}`;
}
