import { parse } from 'csv-parse/sync';
import type { TopLevelSpec } from 'vega-lite';
import { z } from 'zod';
import { ACTIVITIES, type Activity } from '../profile/cpu-profile.ts';
import { type Chart, chartTitle } from './chart.ts';
import { chartConfig, OKABE_ITO } from './theme.ts';

/** Time of one activity of one thread during one measure, in milliseconds. */
export interface ProfileRow {
  readonly measure: string;
  readonly thread: string;
  readonly activity: Activity;
  readonly ms: number;
  readonly commit: string;
  readonly environment: string;
}

export const PROFILE_HEADER = ['measure', 'thread', 'activity', 'ms', 'commit', 'environment'];

const rowSchema = z.object({
  measure: z.string(),
  thread: z.string(),
  activity: z.enum(ACTIVITIES),
  ms: z.coerce.number(),
  commit: z.string(),
  environment: z.string(),
});

/** The rows of a profile.csv. @throws {ZodError} when it is something else. */
export const parseProfileRows = (text: string): readonly ProfileRow[] => {
  const records: unknown[] = parse(text, { columns: true });
  return records.map((record) => rowSchema.parse(record));
};

const WIDTH_PX = 560;
const FONT = 'Inter';
const IDLE_COLOR = '#eeeeee';
const COLORS = [
  OKABE_ITO.blue,
  OKABE_ITO.skyBlue,
  OKABE_ITO.green,
  '#F0E442',
  OKABE_ITO.orange,
  OKABE_ITO.purple,
  OKABE_ITO.vermillion,
  '#999999',
  OKABE_ITO.black,
  '#cccccc',
  IDLE_COLOR,
];

/** Chart of each thread's time by activity: a panel for each measure, a bar for each thread. */
export function profileChart(rows: readonly ProfileRow[]): Chart {
  const measures = [...new Set(rows.map(({ measure }) => measure))];
  const [{ commit } = { commit: 'unknown' }] = rows;
  const title = profileTitle(rows);
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        'Own time by sampling profiler, every thread, from start to close, warm-up included · n = 1 run a measure, slower than without a profiler',
        `3 nodes, synced on a majority; a thread in a commit counts as active while it waits for the disk · commit ${commit.slice(0, 7)}${commit.endsWith('+dirty') ? '+dirty' : ''}`,
      ],
      WIDTH_PX,
    ),
    config: chartConfig(FONT),
    spacing: 18,
    vconcat: measures.map((measure) => ({
      title: { text: measure, fontSize: 13, offset: 6 },
      width: WIDTH_PX,
      height: { step: 20 },
      data: { values: withOrder(rows.filter((row) => row.measure === measure)) },
      mark: { type: 'bar' },
      encoding: {
        y: { field: 'thread', type: 'nominal', sort: null, title: null },
        x: { field: 'ms', type: 'quantitative', stack: 'normalize', title: "Share of the thread's time", axis: { format: '.0%' } },
        color: {
          field: 'activity',
          type: 'nominal',
          title: null,
          scale: { domain: [...ACTIVITIES], range: COLORS },
          legend: { orient: 'bottom', columns: 3, labelLimit: 260 },
        },
        order: { field: 'order', type: 'quantitative' },
      },
    })),
  };
  return { name: 'bench-profile', title, question: 'What bounds a figure?', spec };
}

/** How one thread spends its time in one measure, in shares of it. */
export interface ThreadShares {
  readonly measure: string;
  readonly active: number;
  /** Without idleness, the largest first. */
  readonly activities: readonly { readonly activity: Activity; readonly share: number }[];
}

/** Of the leader, for each measure. */
export function leaderShares(rows: readonly ProfileRow[]): readonly ThreadShares[] {
  const groups = Map.groupBy(
    rows.filter(({ thread }) => thread === 'leader'),
    ({ measure }) => measure,
  );
  return [...groups].map(([measure, of]) => {
    const all = of.reduce((sum, { ms }) => sum + ms, 0);
    const activities = [...Map.groupBy(of, ({ activity }) => activity)]
      .map(([activity, parts]) => ({ activity, share: parts.reduce((sum, { ms }) => sum + ms, 0) / all }))
      .filter(({ activity }) => activity !== 'idle')
      .sort((a, b) => b.share - a.share);
    return { measure, active: activities.reduce((sum, { share }) => sum + share, 0), activities };
  });
}

/** Of the first and the last measure, and the largest part of each. */
function profileTitle(rows: readonly ProfileRow[]): string {
  const shares = leaderShares(rows);
  const shown = new Set([shares[0], shares.findLast(({ measure }) => measure.startsWith('adds of'))]);
  const parts = [...shown].flatMap((of) => {
    const [largest] = of?.activities ?? [];
    return of === undefined || largest === undefined
      ? []
      : [`${Math.round(100 * largest.share)} % of its time in "${of.measure}" on ${largest.activity}`];
  });
  return parts.length === 0 ? "Where the threads' time goes" : `The leader's thread spends ${parts.join(', ')}`;
}

const withOrder = (rows: readonly ProfileRow[]): object[] =>
  rows.map(({ thread, activity, ms }) => ({ thread, activity, ms, order: ACTIVITIES.indexOf(activity) }));
