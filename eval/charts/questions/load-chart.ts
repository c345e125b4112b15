import type { TopLevelSpec } from 'vega-lite';
import { formatNumber, formatRough, formatSpread } from '../../measuring/format.ts';
import { LATE_SHARE_MAX, type LoadRow } from '../../questions/load/load.ts';
import { isRate, isSustained, type RateRow, ratesOf, sustainedOf, sustainedRounds } from '../../questions/load/load-figures.ts';
import type { Answer } from '../../questions/question-file.ts';
import { type Chart, type ChartStyle, chartTitle, logDomain, logTicks } from '../chart.ts';
import { costPanel, type PanelPoint } from '../cost-panel.ts';
import type { PeerLoad } from '../peer-loads.ts';
import { answerLine, pointsOf } from '../question-points.ts';
import { chartConfig, OKABE_ITO } from '../theme.ts';

/** As the CSV of the peers names this system. */
const SYSTEM = 'jobraft';
const OWN = 'jobraft, acknowledged';
const OWN_COMPLETED = 'jobraft, completed';
const OWN_ADDS = 'jobraft, adds alone';
const PEER_COLORS = [OKABE_ITO.vermillion, OKABE_ITO.green, OKABE_ITO.orange, OKABE_ITO.purple];
/** Rates of a linear axis that are labelled: as many as fit a narrow screen. */
const TICKS_MAX = 5;

type Percentile = 'p50' | 'p99';

/** A chart of p50 and p99 against the offered rate, of this system and of those that were measured at rates of their own. */
export function loadCharts(answer: Answer<LoadRow>, { font, widthPx }: ChartStyle, peers: readonly PeerLoad[]): readonly Chart[] {
  const rates = answer.rows.filter(isRate);
  if (rates.length === 0) return [];
  const title = loadTitle(rates);
  const subtitle = [
    'Messages of 64 B, each completed by a consumer; Poisson arrivals, timed from when each was due',
    ...(peers.length === 0
      ? []
      : [
          '"adds alone" and the others: no consumer, at parts of their own rate; as many nodes, synced likewise, the same machine; (socket): their nodes are processes behind sockets, (folder): threads of another process, those of jobraft threads of the client\'s process',
        ]),
    ...failedLine(rates),
    ...lateLine(rates),
    ...answerLine({ ...answer, rows: rates }),
  ];
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(title, subtitle, widthPx),
    config: chartConfig(font),
    spacing: 24,
    resolve: { scale: { color: 'independent' } },
    vconcat: (['p50', 'p99'] as const).flatMap((percentile) => {
      const points = [...ownPoints(rates, percentile), ...peerPoints(peers, percentile)];
      return points.length === 0 ? [] : [panel(points, percentile, widthPx, peers.length > 0)];
    }),
  };
  return [{ name: 'load', title, question: 'How much load, at what latency?', spec }];
}

function panel(points: readonly PanelPoint[], percentile: Percentile, widthPx: number, isWide: boolean) {
  const places = points.map(({ x }) => x);
  return costPanel(points, {
    widthPx,
    heightPx: 200,
    xTitle: isWide ? 'Offered messages (/s, log scale)' : 'Offered messages (/s)',
    yTitle: `${percentile} (ms, log scale)`,
    // The rates of several systems differ by orders of magnitude; those of one by less than one.
    x: isWide ? 'log' : 'linear',
    xTicks: isWide ? logTicks(logDomain(places)) : linearTicks(Math.min(...places), Math.max(...places)),
    y: 'log',
    colors: colorsOf(points),
  });
}

/** Multiples of a round number, within the bounds. */
function linearTicks(low: number, high: number): number[] {
  const power = 10 ** Math.floor(Math.log10((high - low) / TICKS_MAX));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => (high - low) / size <= TICKS_MAX) ?? high - low;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, at) => (first + at) * step);
}

const ownPoints = (rates: readonly RateRow[], percentile: Percentile): readonly PanelPoint[] => [
  ...knownPoints(rates, OWN_COMPLETED, (row) => row[`completed_${percentile}_ms`]),
  ...knownPoints(rates, OWN, (row) => row[`acknowledged_${percentile}_ms`]),
];

/** A rate has no point where a round has no value: the other rounds alone would be too low. */
function knownPoints(rates: readonly RateRow[], series: string, value: (row: LoadRow) => number | null): readonly PanelPoint[] {
  const unknown = new Set(rates.filter((row) => value(row) === null).map(({ rate_share }) => rate_share));
  const known = rates.filter(({ rate_share }) => !unknown.has(rate_share));
  const failed = new Set(failedRates(rates).map((rounds) => rounds[0]?.offered_per_s));
  return pointsOf(known, series, rateOf, value).map((point) => (failed.has(point.x) ? { ...point, isFailed: true } : point));
}

/** Rates that not all rounds sustain. */
const failedRates = (rates: readonly RateRow[]): readonly (readonly RateRow[])[] =>
  ratesOf(rates).filter((rounds) => !rounds.every(isSustained));

const failedLine = (rates: readonly RateRow[]): string[] =>
  failedRates(rates).length === 0 ? [] : ['×: not sustained in all rounds, so that the latency is not steady'];

const rateOf = ({ offered_per_s }: LoadRow): number => offered_per_s ?? Number.NaN;

const peerPoints = (peers: readonly PeerLoad[], percentile: Percentile): readonly PanelPoint[] =>
  peers.flatMap(({ peer, offeredPerSecond, [`${percentile}Ms` as const]: latency }): PanelPoint[] => {
    if (latency === undefined) return [];
    const { value, low, high } = latency;
    return [
      {
        x: offeredPerSecond,
        value,
        low,
        high,
        series: seriesOf(peer),
        label: formatRough(value),
      },
    ];
  });

/** Nodes of this system that are processes, or share a folder, are systems of their own. */
function seriesOf(peer: string): string {
  if (peer === SYSTEM) return OWN_ADDS;
  return `${peer.split(' ')[0]} (${peer.endsWith(' folder') ? 'folder' : 'socket'})`;
}

/** Ours is always of the same colour, and drawn last. */
function colorsOf(points: readonly PanelPoint[]): Readonly<Record<string, string>> {
  const own = { [OWN_COMPLETED]: OKABE_ITO.skyBlue, [OWN_ADDS]: OKABE_ITO.black, [OWN]: OKABE_ITO.blue };
  const names = [...new Set(points.map(({ series }) => series))];
  const others = names.filter((name) => !(name in own));
  const colors = {
    ...own,
    ...Object.fromEntries(others.map((name, at) => [name, PEER_COLORS[at % PEER_COLORS.length] ?? OKABE_ITO.orange])),
  };
  return Object.fromEntries(Object.entries(colors).filter(([name]) => names.includes(name)));
}

function lateLine(rates: readonly RateRow[]): string[] {
  const late = rates.filter(({ late_share }) => (late_share ?? 0) > LATE_SHARE_MAX).length;
  if (late === 0) return [];
  const rounds = `${rates.length} rounds of the ${ratesOf(rates).length} rates`;
  return [`In ${late} of the ${rounds} more than 1 % of the messages were sent late, which these times include`];
}

/** What is sustained in all rounds, and in how many each higher rate is. */
function loadTitle(rates: readonly RateRow[]): string {
  const { highest, beyond } = sustainedOf(rates);
  const rateOfRounds = (rounds: readonly RateRow[]): string => formatNumber(rounds[0]?.offered_per_s ?? Number.NaN);
  const others = beyond.map((rounds) => `${rateOfRounds(rounds)}/s in ${sustainedRounds(rounds)} rounds`).join(', ');
  if (highest === undefined) return `No rate is sustained in all rounds: ${others}`;
  const completed = highest.map(({ completed_p99_ms }) => completed_p99_ms).filter((each) => each !== null);
  const within = completed.length === highest.length ? `, 99 % within ${formatSpread(completed)} ms` : '';
  return `${rateOfRounds(highest)} msg/s are completed as offered in ${sustainedRounds(highest)} rounds${within}${others === '' ? '' : `; ${others}`}`;
}
