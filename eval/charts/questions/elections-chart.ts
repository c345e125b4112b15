import type { TopLevelSpec } from 'vega-lite';
import { formatCount } from '../../measuring/format.ts';
import { msOf, quantileOf, rangeOf, shareWithin, withoutLeaderMs } from '../../questions/elections/election-figures.ts';
import { COMPARED_RANGES, DELAY_MS, type ElectionRow, LIMIT_MS, type Variant } from '../../questions/elections/elections.ts';
import { BY_LENGTH, BY_RANDOMNESS, nameOf, type TimeoutRange } from '../../questions/elections/timeout-ranges.ts';
import type { Answer } from '../../questions/question-file.ts';
import { type Chart, type ChartStyle, chartTitle, logDomain } from '../chart.ts';
import { type EcdfLine, type EcdfReference, ecdfPanel } from '../ecdf-panel.ts';
import { shortCommit } from '../question-points.ts';
import { chartConfig, OKABE_ITO } from '../theme.ts';
import { realElectionsChart } from './real-elections-chart.ts';

const COLORS = [OKABE_ITO.vermillion, OKABE_ITO.orange, OKABE_ITO.purple, OKABE_ITO.skyBlue, OKABE_ITO.green, OKABE_ITO.blue];
const QUESTION = 'How long without a leader?';
const X_TITLE = 'Without a leader (ms, log scale)';
const NAMES_PX = 70;

/** The Raft paper's Figure 16 with jobraft's elections and with the paper's, what each addition to them changes, and real clusters. */
export function electionsCharts(answer: Answer<ElectionRow>, style: ChartStyle): readonly Chart[] {
  return [ownElections(answer, style), paperElections(answer, style), ruleChart(answer, style), realElectionsChart(answer, style)].filter(
    (chart) => chart !== undefined,
  );
}

type Rows = readonly ElectionRow[];

const simulatedRows = (rows: Rows, variant: Variant): Rows =>
  rows.filter((row) => row.kind === 'simulated' && row.logs === 'different' && row.variant === variant);

const basisLine = (rows: Rows, { facts }: Answer<ElectionRow>): string =>
  `Simulated: 5 nodes, logs of different lengths, ${DELAY_MS.from} to ${DELAY_MS.to} ms one way, ${trialsOf(rows)} trials a line · commit ${shortCommit(facts)}`;

const trialsOf = (rows: Rows): string => formatCount(Math.max(...rows.map(({ trial }) => trial)));

function ownElections(answer: Answer<ElectionRow>, style: ChartStyle): Chart | undefined {
  const rows = simulatedRows(answer.rows, 'pre-votes and tie-break');
  const usual = withoutLeaderMs(rows, { minMs: 150, maxMs: 300 });
  if (usual.length === 0) return undefined;
  const title = `With timeouts of 150 to 300 ms a silent leader is replaced within ${msOf(quantileOf(usual, 0.5))} (median), at worst ${msOf(quantileOf(usual, 1))}, simulated with logs of different lengths`;
  const subtitle = ['Share of the trials in which another node leads by then', basisLine(rows, answer)];
  return { name: 'elections', title, question: QUESTION, spec: figure16(rows, style, { title, subtitle, references: [] }) };
}

/** "In the absence of randomness, leader election consistently took longer than 10 seconds …" (Raft §9.3). */
const PAPER: readonly EcdfReference[] = [
  { series: '150–150', value: 10_000, share: 0, label: '> 10 s' },
  { series: '150–155', value: 287, share: 0.5, label: 'median 287 ms' },
  { series: '150–200', value: 513, share: 1, label: 'worst 513 ms' },
  { series: '12–24', value: 152, share: 1, label: 'worst 152 ms' },
];

function paperElections(answer: Answer<ElectionRow>, style: ChartStyle): Chart | undefined {
  const rows = simulatedRows(answer.rows, 'as in the paper');
  const [none, usual] = [BY_RANDOMNESS[0], BY_RANDOMNESS.at(-1)].map((range) => (range === undefined ? [] : withoutLeaderMs(rows, range)));
  if (none === undefined || usual === undefined || none.length === 0 || usual.length === 0) return undefined;
  const title = `With the paper’s algorithm, a leader is elected within 10 s in ${percent(shareWithin(none, 10_000))} of the trials without randomness, in ${percent(shareWithin(usual, 10_000))} with 150 to 300 ms`;
  const subtitle = [
    'No pre-votes, no tie-break · diamonds: figures of the Raft paper (§9.3), measured there on other machines; without a percentile: 35 ms, its mean with 12–24 ms',
    basisLine(rows, answer),
  ];
  return {
    name: 'elections-paper',
    title,
    question: 'What does randomness change?',
    spec: figure16(rows, style, { title, subtitle, references: PAPER }),
  };
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

interface Figure16 {
  readonly title: string;
  readonly subtitle: readonly string[];
  readonly references: readonly EcdfReference[];
}

function figure16(rows: Rows, { font, widthPx }: ChartStyle, { title, subtitle, references }: Figure16): TopLevelSpec {
  const domain = domainOf(rows);
  const panel = (heading: string, ranges: readonly TimeoutRange[], colors: readonly string[]) => {
    const lines = ranges.flatMap((range, at): readonly EcdfLine[] => {
      const values = withoutLeaderMs(rows, range);
      return values.length === 0 ? [] : [{ series: nameOf(range), color: colors[at] ?? OKABE_ITO.black, values }];
    });
    const own = references.filter(({ series }) => lines.some((line) => line.series === series));
    return ecdfPanel(lines, { title: heading, widthPx, heightPx: 190, xTitle: X_TITLE, domain, references: own });
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(title, subtitle, widthPx, NAMES_PX),
    config: chartConfig(font),
    spacing: 24,
    resolve: { scale: { color: 'independent' } },
    vconcat: [
      panel('Election timeouts from 150 ms on (ms)', BY_RANDOMNESS, COLORS),
      // The range that both panels have keeps its colour.
      panel('Election timeouts from x to 2x (ms)', BY_LENGTH, COLORS.slice(1)),
    ],
  };
}

/** From below the fastest to above the slowest election; to the limit where a trial elected no leader. */
function domainOf(rows: Rows): [number, number] {
  const [low, high] = logDomain(rows.map(({ without_leader_ms }) => without_leader_ms ?? LIMIT_MS));
  return [low, Math.min(high, LIMIT_MS)];
}

const RULE_LINES: readonly { readonly variant: Variant; readonly series: string; readonly color: string }[] = [
  { variant: 'pre-votes and tie-break', series: 'both', color: OKABE_ITO.blue },
  { variant: 'pre-votes', series: 'pre-votes', color: OKABE_ITO.green },
  { variant: 'as in the paper', series: 'neither', color: OKABE_ITO.vermillion },
];

/** The same timeouts with and without what jobraft adds to the paper's algorithm. */
function ruleChart(answer: Answer<ElectionRow>, { font, widthPx }: ChartStyle): Chart | undefined {
  const rows = answer.rows.filter(({ kind, logs }) => kind === 'simulated' && logs === 'different');
  const compared = COMPARED_RANGES.map((range) => ({
    range,
    lines: RULE_LINES.flatMap(({ variant, series, color }): readonly EcdfLine[] => {
      const values = withoutLeaderMs(simulatedRows(rows, variant), range);
      return values.length === 0 ? [] : [{ series, color, values }];
    }),
  })).filter(({ lines }) => lines.length === RULE_LINES.length);
  const [equal] = compared;
  if (equal === undefined) return undefined;
  const secondShare = (series: string): string =>
    percent(shareWithin(equal.lines.find((line) => line.series === series)?.values ?? [], 1000));
  const [both, preVotes, neither] = ['both', 'pre-votes', 'neither'].map(secondShare);
  const withTieBreak =
    both === preVotes
      ? `in ${both} of the trials with pre-votes, with or without the tie-break`
      : `in ${both} of the trials with pre-votes and tie-break, in ${preVotes} with pre-votes alone`;
  const title = `Timeouts of ${nameOf(equal.range)} ms elect a leader within a second ${withTieBreak}; in ${neither} with neither`;
  const shown = rows.filter((row) => compared.some(({ range }) => nameOf(range) === nameOf(rangeOf(row))));
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(title, ['Share of the trials in which another node leads by then', basisLine(shown, answer)], widthPx, NAMES_PX),
    config: chartConfig(font),
    spacing: 16,
    vconcat: compared.map(({ range, lines }, at) =>
      ecdfPanel(lines, {
        title: `${nameOf(range)} ms`,
        widthPx,
        heightPx: 110,
        xTitle: at === compared.length - 1 ? X_TITLE : '',
        domain: domainOf(shown),
      }),
    ),
  };
  return { name: 'elections-rules', title, question: 'What do pre-votes and the tie-break change?', spec };
}
