import type { TopLevelSpec } from 'vega-lite';
import { formatRough } from '../../measuring/format.ts';
import { steadyMark, steadyRounds } from '../../measuring/steadiness.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import type { SizeRow } from '../../questions/size.ts';
import { anomalyIn, payloadsOf } from '../../questions/size-figures.ts';
import { formatBytes } from '../../replay/run-plan.ts';
import { type Chart, type ChartStyle, chartTitle, sizeTicks } from '../chart.ts';
import { costPanel, type PanelPoint } from '../cost-panel.ts';
import { answerLine, pointsOf } from '../question-points.ts';
import { chartConfig, OKABE_ITO } from '../theme.ts';

const NAMES = { disk: 'one file', 'disk, one file a node': 'a file a node' } as const;
const COLORS = { jobraft: OKABE_ITO.blue, [NAMES.disk]: OKABE_ITO.orange, [NAMES['disk, one file a node']]: OKABE_ITO.vermillion };

/** Charts of bytes a second against payload size, with the disk's own rate at 1 MiB, and of the time of an add. */
export function sizeCharts(answer: Answer<SizeRow>, { font, widthPx }: ChartStyle): readonly Chart[] {
  const ofJobraft = answer.rows.filter(({ subject }) => subject === 'jobraft');
  const rates = [...pointsOf(ofJobraft, 'jobraft', bytesOf, ({ mb_per_s }) => mb_per_s), ...diskPoints(answer.rows)];
  const times = [
    ...pointsOf(ofJobraft, 'p50', bytesOf, ({ service_p50_ms }) => service_p50_ms),
    ...pointsOf(ofJobraft, 'p99', bytesOf, ({ service_p99_ms }) => service_p99_ms),
  ];
  const title = sizeTitle(rates, answer.facts.nodes);
  const panel = {
    widthPx,
    xTitle: 'Payload (log scale)',
    x: 'log',
    xFormat: 'bytes',
    xTicks: sizeTicks(ofJobraft.map(bytesOf), widthPx),
    y: 'log',
  } as const;
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        'Adds, no consumer, 8 MiB in flight, at most 4,000 adds, so that their time is the number in flight divided by the rate · for comparison at 1 MiB: synced writes alone, to one file and to a file a node at once',
        ...steadyLine(answer.rows),
        ...anomalyLine(answer.rows),
        ...answerLine(answer),
      ],
      widthPx,
    ),
    config: chartConfig(font),
    spacing: 24,
    resolve: { scale: { color: 'independent' } },
    vconcat: [
      costPanel(rates, { ...panel, heightPx: 220, yTitle: 'Payload a second (MB/s, log scale)', colors: COLORS }),
      costPanel(times, {
        ...panel,
        heightPx: 170,
        yTitle: 'Sending to reply (ms, log scale)',
        colors: { p50: OKABE_ITO.purple, p99: OKABE_ITO.green },
      }),
    ],
  };
  return [{ name: 'size', title, question: 'What does size cost?', spec }];
}

const bytesOf = ({ payload_bytes }: SizeRow): number => payload_bytes ?? Number.NaN;

/** What the comparison writes at once. */
const DISK_BYTES = 1_048_576;

/** For comparison, at the one size of its writes. */
function diskPoints(rows: readonly AnswerRow<SizeRow>[]): readonly PanelPoint[] {
  return (['disk', 'disk, one file a node'] as const).flatMap((subject) =>
    pointsOf(
      rows.filter((of) => of.subject === subject),
      NAMES[subject],
      () => DISK_BYTES,
      ({ mb_per_s }) => mb_per_s,
    ),
  );
}

/** Payloads whose rate became steady in no round. */
function steadyLine(rows: readonly SizeRow[]): readonly string[] {
  const payloads = payloadsOf(rows).filter(({ rows: of }) => steadyMark(of) !== '');
  return payloads.length === 0 ? [] : [`Not steady in any round: ${payloads.map(({ bytes }) => formatBytes(bytes)).join(', ')}`];
}

function anomalyLine(rows: readonly SizeRow[]): readonly string[] {
  const slow = anomalyIn(rows)?.slow;
  return slow === undefined
    ? []
    : [`${formatBytes(slow.bytes)}: an anomaly that is not explained, ${steadyRounds(slow.rows)} rounds steady`];
}

function sizeTitle(rates: readonly PanelPoint[], nodes: number): string {
  const largest = rates.findLast(({ series }) => series === 'jobraft');
  const disk = rates.find(({ series }) => series === NAMES['disk, one file a node']);
  if (largest === undefined || disk === undefined) return 'Rates by payload size';
  return `Payloads of 1 MiB are stored at ${formatRough(largest.value)} MB/s; for comparison: synced writes of 1 MiB to ${nodes} files at once reach ${formatRough(disk.value)} MB/s in each`;
}
