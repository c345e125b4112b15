import type { TopLevelSpec } from 'vega-lite';
import { formatCount, formatNumber, formatPublished, formatTiny, SMALLEST_SHOWN } from '../measuring/format.ts';
import { type Evaluation, type Figure, fastRatioOf, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { PublishedRow } from '../replay/settings.ts';
import {
  type Chart,
  type ChartLayer,
  chartTitle,
  countLine,
  isNarrow,
  logDomain,
  logTicks,
  PLAIN_NUMBER,
  provenanceLine,
} from './chart.ts';
import { chartConfig, ELSEWHERE, HALO, OKABE_ITO, SOFT_INK } from './theme.ts';

const SERIES = {
  published: 'Original, paced (published elsewhere, another machine)',
  paced: 'jobraft, paced',
  fast: 'jobraft, as fast as possible',
} as const;

/** The same on a narrow screen. */
const SHORT_SERIES = `{'${SERIES.published}': 'Original*', '${SERIES.paced}': '${SERIES.paced}', '${SERIES.fast}': 'jobraft, fast'}[datum.label]`;

/** One mark of a comparison: a case in one of the three series. */
interface Mark {
  readonly group: string;
  readonly series: string;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly label: string;
  /** The label is to the right of mark and interval. */
  readonly labelAt: number | null;
  /** Published, but never finished. */
  readonly unfinished: boolean;
}

/** The compared figure: throughput or overhead. */
interface Comparison {
  /** Our figures of a case, by series. */
  readonly ours: readonly { readonly series: string; readonly pick: (of: ReplayCase) => Figure | undefined }[];
  readonly published: (row: PublishedRow) => number | undefined;
  readonly unfinishedNote: string;
}

const throughput: Comparison = {
  ours: [
    { series: SERIES.paced, pick: ({ paced }) => paced?.throughput },
    { series: SERIES.fast, pick: ({ fast }) => fast?.throughput },
  ],
  published: (row) => row.perSecond,
  unfinishedNote: 'crashed around message 475, ended at 600 s',
};

const overhead = ({ settings }: Evaluation): Comparison => ({
  ours: [
    { series: SERIES.paced, pick: ({ paced }) => paced?.overhead },
    { series: SERIES.fast, pick: ({ fast }) => fast?.overhead },
  ],
  published: (row) => publishedOverheadMs(row, settings.pacing),
  unfinishedNote: 'never finished: crashed around message 475, ended at 600 s',
});

export const throughputByCount = (evaluation: Evaluation): Chart | undefined =>
  comparisonChart(evaluation, evaluation.lowAndHigh, throughput, {
    name: 'throughput-by-count',
    title: seriesTitle,
    question: 'How many messages a second does the cluster deliver in a short and in a long series?',
    axisTitle: 'Delivered messages a second (msg/s, log scale)',
    groupName: ({ messages }) => `${formatCount(messages)} messages`,
    note: ({ settings }) => `Pacing of one message every ${settings.pacing.delayMs} ms cannot pass 10 msg/s.`,
  });

export const overheadByCount = (evaluation: Evaluation): Chart | undefined =>
  comparisonChart(evaluation, evaluation.lowAndHigh, overhead(evaluation), {
    name: 'overhead-by-count',
    title: ({ lowAndHigh }) => overheadTitle(lowAndHigh),
    question: 'What does one message cost, once the pacing is taken out?',
    axisTitle: 'Overhead, or time per message (ms, log scale)',
    groupName: ({ messages }) => `${formatCount(messages)} messages`,
    note: overheadNote,
  });

export const throughputByPayload = (evaluation: Evaluation): Chart | undefined =>
  comparisonChart(evaluation, evaluation.payload, throughput, {
    name: 'throughput-by-payload',
    title: largestTitle,
    question: 'Do larger payloads slow the replay, and does the 640 B case finish that the original could not?',
    axisTitle: 'Delivered messages a second (msg/s, log scale)',
    groupName: payloadGroup,
    note: ({ settings }) => `Pacing of one message every ${settings.pacing.delayMs} ms cannot pass 10 msg/s.`,
  });

export const overheadByPayload = (evaluation: Evaluation): Chart | undefined =>
  comparisonChart(evaluation, evaluation.payload, overhead(evaluation), {
    name: 'overhead-by-payload',
    title: ({ payload }) => overheadTitle(payload),
    question: 'What do larger payloads cost a message, once the pacing is taken out?',
    axisTitle: 'Overhead, or time per message (ms, log scale)',
    groupName: payloadGroup,
    note: overheadNote,
  });

const overheadNote = ({ settings: { pacing, producer } }: Evaluation): string =>
  `Paced, a message is sent, its reply awaited, and ${pacing.delayMs} ms slept; overhead: (wall − pacing − settling) / messages. As fast as possible: time per message (1/rate), with up to ${formatCount(producer.inFlightMax)} in flight, which is no round trip. The original replies after the write of its leader, jobraft after that of a majority.`;

/** The title states what is drawn, from the figures. */
function seriesTitle({ lowAndHigh: [low, high] }: Evaluation): string {
  const [few, many] = [low?.paced?.throughput, high?.paced?.throughput];
  if (low === undefined || high === undefined || few === undefined || many === undefined)
    return 'Messages delivered a second, by number of messages';
  const fast = [low, high].flatMap((of) => (of.fast?.throughput === undefined ? [] : [formatNumber(of.fast.throughput.median)]));
  const atFullSpeed = fast.length === 2 ? `; as fast as possible ${fast.join(' and ')}` : '';
  return `${formatCount(low.messages)} and ${formatCount(high.messages)} paced messages run at ${formatNumber(few.median)} and ${formatNumber(many.median)} msg/s${atFullSpeed}`;
}

function largestTitle({ payload, settings }: Evaluation): string {
  const largest = payload.findLast(({ published }) => published?.finished === false);
  const ours = largest?.paced ?? largest?.fast;
  if (largest === undefined || ours === undefined) return 'Messages delivered a second, by payload';
  const acknowledged = ours.rows[0]?.acknowledged === largest.messages && ours.valid.length === ours.rows.length;
  const size = `${formatCount(largest.messages)} messages of ${formatBytes(largest.payloadBytes)}`;
  if (!acknowledged) return `${size}: not every run finished`;
  const base = payload.find(({ messages }) => messages === largest.messages);
  const ratio = base === undefined || base === largest ? undefined : fastRatioOf(base, largest, settings);
  if (base === undefined || ratio === undefined) return `${size}, which the original could not finish, all arrive`;
  const slower = `as fast as possible at ${formatNumber(ratio.median)} times the rate of ${formatBytes(base.payloadBytes)} (median of pairs)`;
  return `${size}, which the original could not finish, all arrive; ${slower}`;
}

function overheadTitle(cases: readonly ReplayCase[]): string {
  const overheads = cases.flatMap(({ paced }) => (paced?.overhead === undefined ? [] : [paced.overhead.median]));
  if (overheads.length === 0) return 'Time each message adds to the replay';
  const [least, most] = [formatTiny(Math.min(...overheads)), formatTiny(Math.max(...overheads))];
  return `Paced, a message costs ${least === most ? least : `${least} to ${most}`} ms beside its pause`;
}

const payloadGroup = ({ messages, payloadBytes }: ReplayCase): string =>
  `${formatCount(messages)} messages of ${formatBytes(payloadBytes)}`;

interface ComparisonText {
  readonly name: string;
  readonly title: (evaluation: Evaluation) => string;
  readonly question: string;
  readonly axisTitle: string;
  readonly groupName: (of: ReplayCase) => string;
  readonly note: (evaluation: Evaluation) => string;
}

function comparisonChart(
  evaluation: Evaluation,
  cases: readonly ReplayCase[],
  comparison: Comparison,
  text: ComparisonText,
): Chart | undefined {
  const measured = cases.filter((of) => of.paced !== undefined || of.fast !== undefined);
  if (measured.length === 0) return undefined;
  const marks = measured.flatMap((of) => marksOf(of, text.groupName(of), comparison));
  const figures = measured.flatMap((of) => comparison.ours.map(({ pick }) => pick(of)));
  const title = text.title(evaluation);
  const spec = comparisonSpec(evaluation, marks, measured.map(text.groupName), {
    ...text,
    title: chartTitle(
      title,
      [`jobraft: ${countLine(figures, evaluation.settings.statistics.confidence)} · ${provenanceLine(evaluation)}`, text.note(evaluation)],
      evaluation.settings.charts.widthPx,
      120,
    ),
  });
  return { name: text.name, title, question: text.question, spec };
}

function marksOf(of: ReplayCase, group: string, comparison: Comparison): Mark[] {
  const marks: Mark[] = [];
  if (of.published !== undefined) {
    const value = comparison.published(of.published);
    const note = of.published.finished ? '' : comparison.unfinishedNote;
    const label = [value === undefined ? '' : formatPublished(value), note].filter((part) => part !== '').join(' · ');
    marks.push({
      group,
      series: SERIES.published,
      value: value ?? null,
      low: null,
      high: null,
      label,
      labelAt: value ?? null,
      unfinished: !of.published.finished,
    });
  }
  for (const { series, pick } of comparison.ours) {
    const figure = pick(of);
    if (figure === undefined) continue;
    const value = Math.max(figure.median, SMALLEST_SHOWN);
    marks.push({
      group,
      series,
      value,
      low: figure.spread === undefined ? null : Math.max(figure.spread.low, SMALLEST_SHOWN),
      high: figure.spread === undefined ? null : Math.max(figure.spread.high, SMALLEST_SHOWN),
      label: formatTiny(figure.median),
      labelAt: figure.spread === undefined ? value : Math.max(figure.spread.high, value),
      unfinished: false,
    });
  }
  return marks;
}

function comparisonSpec(
  { settings }: Evaluation,
  marks: readonly Mark[],
  groups: readonly string[],
  text: { readonly title: ReturnType<typeof chartTitle>; readonly axisTitle: string },
): TopLevelSpec {
  const narrow = isNarrow(settings.charts.widthPx);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: text.title,
    config: chartConfig(settings.charts.font),
    data: { values: [...marks] },
    facet: {
      row: {
        field: 'group',
        type: 'nominal',
        sort: [...groups],
        header: { labelOrient: 'top', labelAnchor: 'start', labelAngle: 0, title: null },
      },
    },
    spacing: 14,
    spec: {
      width: settings.charts.widthPx - (narrow ? 55 : 160),
      height: { step: 24 },
      layer: [...figureLayers(marks, text.axisTitle, narrow), ...labelLayers(marks, narrow)],
    },
  };
}

/** No mark on the left edge, and space for the label to the right of the largest. */
function domainOf(marks: readonly Mark[]): [number, number] {
  const values = marks
    .flatMap(({ value, low, high }) => [value, low, high])
    .filter((value) => value !== null && value > 0)
    .map(Number);
  const [low, high] = logDomain(values);
  return [Math.min(...values) < low * 1.1 ? low / 2 : low, Math.max(...values) > high / 3 ? high * 5 : high];
}

const logScale = (marks: readonly Mark[]) => ({ type: 'log' as const, domain: domainOf(marks) });

/** One line a series, in the order of the series. */
function seriesAxis(marks: readonly Mark[], narrow: boolean) {
  const sort = Object.values(SERIES).filter((series) => marks.some((mark) => mark.series === series));
  return {
    field: 'series',
    type: 'nominal' as const,
    sort,
    title: null,
    axis: { grid: true, labelPadding: 10, ...(narrow ? { labelExpr: SHORT_SERIES } : {}) },
  };
}

const TOOLTIP = [
  { field: 'group', title: 'Case' },
  { field: 'series', title: 'Measured' },
  { field: 'label', title: 'Figure' },
];

/** The interval, and a point; a cross for a run that did not finish. */
function figureLayers(marks: readonly Mark[], axisTitle: string, narrow: boolean): ChartLayer[] {
  const scale = logScale(marks);
  const y = seriesAxis(marks, narrow);
  const color = {
    field: 'series',
    type: 'nominal' as const,
    scale: { domain: Object.values(SERIES), range: [ELSEWHERE, OKABE_ITO.blue, OKABE_ITO.vermillion] },
  };
  return [
    {
      transform: [{ filter: 'datum.low != null' }],
      mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
      encoding: { y, x: { field: 'low', type: 'quantitative', scale }, x2: { field: 'high' }, color },
    },
    {
      transform: [{ filter: 'datum.value != null && !datum.unfinished' }],
      mark: { type: 'point', filled: true, size: 90, opacity: 1 },
      encoding: {
        y,
        x: {
          field: 'value',
          type: 'quantitative',
          scale,
          title: axisTitle,
          axis: { values: logTicks(scale.domain), labelExpr: PLAIN_NUMBER, grid: true },
        },
        color,
        tooltip: TOOLTIP,
      },
    },
    {
      transform: [{ filter: 'datum.value != null && datum.unfinished' }],
      mark: { type: 'point', shape: 'M-1,-1L1,1M1,-1L-1,1', size: 45, strokeWidth: 2.5, opacity: 1 },
      encoding: { y, x: { field: 'value', type: 'quantitative', scale }, color, tooltip: TOOLTIP },
    },
  ];
}

/** The figure beside its mark; without a figure, the note at the left edge. */
function labelLayers(marks: readonly Mark[], narrow: boolean): ChartLayer[] {
  const scale = logScale(marks);
  const y = seriesAxis(marks, narrow);
  return [
    ...[HALO, {}].map((halo) => ({
      transform: [{ filter: 'datum.value != null' }],
      mark: { type: 'text' as const, align: 'left' as const, dx: 10, ...halo },
      encoding: { y, x: { field: 'labelAt', type: 'quantitative' as const, scale }, text: { field: 'label' } },
    })),
    ...[HALO, {}].map((halo) => ({
      transform: [{ filter: 'datum.value == null' }],
      mark: { type: 'text' as const, align: 'left' as const, dx: 6, color: SOFT_INK, ...halo },
      encoding: {
        y,
        x: { datum: scale.domain[0], type: 'quantitative' as const, scale },
        text: { field: 'label' },
        tooltip: TOOLTIP,
      },
    })),
  ];
}
