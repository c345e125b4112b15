import type { TopLevelSpec } from 'vega-lite';
import { formatCount, formatRough } from '../../measuring/format.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { RecoveryRow } from '../../questions/recovery/recovery.ts';
import { type Chart, type ChartStyle, chartTitle } from '../chart.ts';
import { costPanel, type PanelPoint } from '../cost-panel.ts';
import { answerLine, pointsOf } from '../question-points.ts';
import { chartConfig, OKABE_ITO } from '../theme.ts';

const ON = 'checkpoints';
const OFF = 'without';
const COLORS = {
  [ON]: OKABE_ITO.blue,
  [OFF]: OKABE_ITO.vermillion,
  [`${ON}, single`]: OKABE_ITO.skyBlue,
  [`${OFF}, single`]: OKABE_ITO.orange,
};

type RecoveryEvent = RecoveryRow['event'];

/** Charts of the time that a restart and a join take, against the length of the history. */
export function recoveryCharts(answer: Answer<RecoveryRow>, { font, widthPx }: ChartStyle): readonly Chart[] {
  const title = recoveryTitle(answer);
  const panel = (event: RecoveryEvent, yTitle: string) =>
    costPanel(recoveryPoints(answer, event), {
      ...{ widthPx, heightPx: 190, xTitle: 'Commands in the history (log scale)', x: 'log', y: 'log', colors: COLORS },
      yTitle,
    });
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        'Adds and removals of 64 B jobs that leave 1,000 waiting, about 2,000 an entry; single: one command an entry',
        'Each event twice; until the node has applied what the leader has committed',
        ...answerLine(answer),
      ],
      widthPx,
      120,
    ),
    config: chartConfig(font),
    spacing: 24,
    vconcat: [panel('restart', 'Restart of a follower (ms, log scale)'), panel('join', 'Join with an empty folder (ms, log scale)')],
  };
  return [{ name: 'recovery', title, question: 'How fast is recovery?', spec }];
}

const seriesOf = ({ checkpoints, entry }: RecoveryRow): string =>
  (checkpoints === 'on' ? ON : OFF) + (entry === 'single' ? ', single' : '');

function recoveryPoints({ rows }: Answer<RecoveryRow>, event: RecoveryEvent): readonly PanelPoint[] {
  return Object.keys(COLORS).flatMap((series) =>
    pointsOf(
      rows.filter((row) => row.event === event && seriesOf(row) === series),
      series,
      ({ commands }) => commands,
      ({ took_ms }) => took_ms,
    ),
  );
}

/** Of the longest history that was measured with and without checkpoints. */
export function recoveryTitle(answer: Answer<RecoveryRow>): string {
  const [restarts, joins] = [recoveryPoints(answer, 'restart'), recoveryPoints(answer, 'join')];
  const lengths = new Set(restarts.flatMap(({ series, x }) => (series === ON ? [x] : [])));
  const longest = Math.max(...restarts.flatMap(({ series, x }) => (series === OFF && lengths.has(x) ? [x] : [])));
  const at = (points: readonly PanelPoint[], wanted: string): string =>
    duration(points.find(({ series, x }) => series === wanted && x === longest)?.value);
  if (!Number.isFinite(longest)) return 'Time of a recovery, by length of the history';
  return `After ${formatCount(longest)} commands a node restarts in ${at(restarts, ON)} and a new one joins in ${at(joins, ON)}; without checkpoints in ${at(restarts, OFF)} and ${at(joins, OFF)}`;
}

function duration(ms: number | undefined): string {
  if (ms === undefined) return 'more than a minute';
  return ms < 1000 ? `${formatRough(ms)} ms` : `${formatRough(ms / 1000)} s`;
}
