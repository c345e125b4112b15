import type { TopLevelSpec } from 'vega-lite';
import { formatNumber } from '../../measuring/format.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import type { SizeRow } from '../../questions/size.ts';
import { anomalyIn, steadyOf } from '../../questions/size-figures.ts';
import { formatBytes } from '../../replay/run-plan.ts';
import { type Chart, type ChartStyle, chartTitle, sizeTicks } from '../chart.ts';
import { costPanel, type PanelPoint } from '../cost-panel.ts';
import { answerLine, pointsOf } from '../question-points.ts';
import { chartConfig, OKABE_ITO } from '../theme.ts';

const COLORS = { jobraft: OKABE_ITO.blue, disk: OKABE_ITO.orange, 'disk, one file a node': OKABE_ITO.vermillion };

/** Charts of bytes a second against payload size, with the disk's own rate as lines, and of the time of an add. */
export function sizeCharts(answer: Answer<SizeRow>, { font, widthPx }: ChartStyle): readonly Chart[] {
  const ofJobraft = answer.rows.filter(({ subject }) => subject === 'jobraft');
  const rates = [...pointsOf(ofJobraft, 'jobraft', bytesOf, ({ mb_per_s }) => mb_per_s), ...diskLines(answer.rows)];
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
      ['Adds in steady state, no consumer, 8 MiB in flight, at most 4,000 adds', ...anomalyLine(answer.rows), ...answerLine(answer)],
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

/** A level line for each limit, over the whole range of sizes. */
function diskLines(rows: readonly AnswerRow<SizeRow>[]): readonly PanelPoint[] {
  const sizes = rows.flatMap(({ payload_bytes }) => (payload_bytes === null ? [] : [payload_bytes]));
  return [Math.min(...sizes), Math.max(...sizes)].flatMap((at) =>
    (['disk', 'disk, one file a node'] as const).flatMap((subject) =>
      pointsOf(
        rows.filter((of) => of.subject === subject),
        subject,
        () => at,
        ({ mb_per_s }) => mb_per_s,
      ),
    ),
  );
}

function anomalyLine(rows: readonly SizeRow[]): readonly string[] {
  const slow = anomalyIn(rows)?.slow;
  return slow === undefined ? [] : [`${formatBytes(slow.bytes)}: an anomaly that is not explained, ${steadyOf(slow.rows)} rounds steady`];
}

function sizeTitle(rates: readonly PanelPoint[], nodes: number): string {
  const largest = rates.findLast(({ series }) => series === 'jobraft');
  const disk = rates.find(({ series }) => series === 'disk, one file a node');
  if (largest === undefined || disk === undefined) return 'Rates by payload size';
  return `Payloads of 1 MiB are stored at ${formatNumber(largest.value)} MB/s; plain synced writes to ${nodes} files at once reach ${formatNumber(disk.value)} MB/s in each`;
}
