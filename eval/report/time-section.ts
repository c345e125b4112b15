import { existsSync, readFileSync } from 'node:fs';
import { leaderShares, parseProfileRows } from '../charts/profile-chart.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import type { Section } from './table.ts';

/** How many activities of a thread are named. */
const NAMED_MAX = 3;

/** What the leader's thread does in each load; none where no profile was taken. */
export function timeSections({ profileFile }: ResultsFolder): readonly Section[] {
  const shares = existsSync(profileFile) ? leaderShares(parseProfileRows(readFileSync(profileFile, 'utf8'))) : [];
  if (shares.length === 0) return [];
  const percent = (share: number): string => String(Math.round(100 * share));
  const most = [...shares].sort((a, b) => b.active - a.active)[0];
  const [largest] = most?.activities ?? [];
  return [
    {
      title: 'Where does the time go?',
      ...(most === undefined || largest === undefined
        ? {}
        : {
            brief: `The leader's thread is active for at most ${percent(most.active)} % of its time ("${most.measure}"), most of it in ${largest.activity}.`,
          }),
      note: "The leader's thread by V8's profiler, in runs of their own, n = 1 each, from start to close; the chart has all threads. A thread in a commit counts as active while it waits for the disk. The other chart has the cost of single parts without a cluster, by micro-benchmarks.",
      table: {
        header: ['Load', 'Active (%)', 'Most of it (% of its time)'],
        rows: shares.map(({ measure, active, activities }) => [
          measure,
          percent(active),
          activities
            .slice(0, NAMED_MAX)
            .map(({ activity, share }) => `${activity} ${percent(share)}`)
            .join('; '),
        ]),
      },
      charts: ['bench-profile', 'bench-micro'],
    },
  ];
}
