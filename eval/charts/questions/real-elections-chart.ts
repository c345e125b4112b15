import type { TopLevelSpec } from 'vega-lite';
import { formatCount } from '../../measuring/format.ts';
import { formatWithoutLeader, msOf, quantileOf, withoutLeaderMs } from '../../questions/elections/election-figures.ts';
import { DEFAULT_VARIANT, DELAY_MS, type ElectionRow, LIMIT_MS, REAL_RANGES } from '../../questions/elections/elections.ts';
import { nameOf, type TimeoutRange } from '../../questions/elections/timeout-ranges.ts';
import type { Answer } from '../../questions/question-file.ts';
import {
  type Chart,
  type ChartLayer,
  type ChartStyle,
  chartTitle,
  describeDurability,
  logDomain,
  logTicks,
  PLAIN_NUMBER,
} from '../chart.ts';
import { shortCommit } from '../question-points.ts';
import { chartConfig, HALO, INK, OKABE_ITO } from '../theme.ts';

interface Spread {
  readonly series: 'real' | 'simulated';
  readonly range: string;
  readonly name: string;
  readonly trials: number;
  readonly fastest: number;
  readonly p25: number;
  readonly p50: number;
  readonly p75: number;
  readonly worst: number;
  readonly label: string;
}

const SERIES = ['real', 'simulated'] as const;
const COLORS = { domain: [...SERIES], range: [OKABE_ITO.vermillion, OKABE_ITO.blue] };

/** Elections in real clusters beside simulated ones with the same timeouts, delays and logs. */
export function realElectionsChart({ rows, facts }: Answer<ElectionRow>, { font, widthPx }: ChartStyle): Chart | undefined {
  const comparable = rows.filter(({ variant, logs }) => variant === DEFAULT_VARIANT && logs === 'equal');
  const spreads = REAL_RANGES.flatMap((range) =>
    SERIES.flatMap((kind) =>
      spreadOf(
        kind,
        range,
        comparable.filter((row) => row.kind === kind),
      ),
    ),
  );
  const [real, simulated] = SERIES.map((series) => spreads.find((of) => of.series === series && of.range === '150–300'));
  if (real === undefined || simulated === undefined) return undefined;
  const title = `With timeouts of 150 to 300 ms a silent leader is replaced within ${msOf(real.p50)} in a real cluster, ${msOf(simulated.p50)} in a simulated one (medians, equal logs)`;
  const domain = logDomain(spreads.flatMap(({ fastest, worst }) => [fastest, worst].map((ms) => Math.min(ms, LIMIT_MS))));
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        `Line: fastest to slowest, box: p25 to p75, tick and figure: median · ${formatCount(real.trials)} real trials a line, ${formatCount(simulated.trials)} simulated`,
        `5 nodes, logs of equal length, frames delayed by ${DELAY_MS.from} to ${DELAY_MS.to} ms · the real leader’s thread is blocked, ${describeDurability(facts.durability)} · commit ${shortCommit(facts)}`,
      ],
      widthPx,
      120,
    ),
    config: chartConfig(font),
    data: { values: spreads.map((each) => upTo(each, domain[1])) },
    width: widthPx,
    height: { step: 26 },
    layer: layers(
      spreads.map(({ name }) => name),
      domain,
    ),
  };
  return { name: 'elections-real', title, question: 'Do real elections take as long as simulated ones?', spec };
}

function spreadOf(series: Spread['series'], range: TimeoutRange, rows: readonly ElectionRow[]): readonly Spread[] {
  const values = withoutLeaderMs(rows, range);
  if (values.length === 0) return [];
  const at = (share: number): number => quantileOf(values, share);
  const spread = { fastest: at(0), p25: at(0.25), p50: at(0.5), p75: at(0.75), worst: at(1) };
  return [
    {
      series,
      range: nameOf(range),
      name: `${nameOf(range)} ms, ${series}`,
      trials: values.length,
      ...spread,
      label: formatWithoutLeader(spread.p50),
    },
  ];
}

/** Trials that elected no leader end at the edge of the chart. */
const upTo = (spread: Spread, limitMs: number): Spread => ({
  ...spread,
  p25: Math.min(spread.p25, limitMs),
  p50: Math.min(spread.p50, limitMs),
  p75: Math.min(spread.p75, limitMs),
  worst: Math.min(spread.worst, limitMs),
});

function layers(names: readonly string[], domain: [number, number]): ChartLayer[] {
  const scale = { type: 'log' as const, domain, nice: false };
  const y = { field: 'name', type: 'nominal' as const, sort: [...names], title: null };
  const color = { field: 'series', type: 'nominal' as const, scale: COLORS };
  const x = {
    field: 'fastest',
    type: 'quantitative' as const,
    scale,
    title: 'Without a leader (ms, log scale)',
    axis: { values: logTicks(domain), labelExpr: PLAIN_NUMBER, grid: true },
  };
  return [
    { mark: { type: 'rule', strokeWidth: 2, opacity: 0.6 }, encoding: { x, x2: { field: 'worst' }, y, color } },
    { mark: { type: 'bar', size: 10 }, encoding: { x: { ...x, field: 'p25' }, x2: { field: 'p75' }, y, color } },
    { mark: { type: 'tick', size: 16, thickness: 3, color: INK, opacity: 1 }, encoding: { x: { ...x, field: 'p50' }, y } },
    ...[HALO, {}].map(
      (halo): ChartLayer => ({
        mark: { type: 'text', align: 'left', dx: 8, ...halo },
        encoding: { x: { ...x, field: 'worst' }, y, text: { field: 'label' } },
      }),
    ),
  ];
}
