import { formatCount } from '../../measuring/format.ts';
import { formatWithoutLeader, quantileOf, rangeOf, shareWithin, withoutLeaderMs } from '../../questions/elections/election-figures.ts';
import { DELAY_MS, type ElectionRow, LIMIT_MS } from '../../questions/elections/elections.ts';
import { DEFAULT_RANGE, nameOf } from '../../questions/elections/timeout-ranges.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

const SECOND_MS = 1000;
/** The paper’s elections without randomness took longer than this. */
const PAPER_MS = 10_000;

export function electionsSection({ rows }: Answer<ElectionRow>): Section {
  const groups = Map.groupBy(rows, (row) => [row.kind, row.variant, row.logs, nameOf(rangeOf(row))].join());
  return {
    title: 'How long without a leader?',
    note: `As in the Raft paper (§9.3, Figure 16): the leader of five nodes sends all others a message, and ends at a random moment of the heartbeat interval after it, which is half of the shortest timeout. A trial ends after ${formatCount(LIMIT_MS / SECOND_MS)} s.`,
    terms: [
      `Simulated: the cores that the nodes run, without threads and disks, ${DELAY_MS.from} to ${DELAY_MS.to} ms one way (a broadcast with all replies then takes about 15 ms, as there), until one has the votes. With different logs two of the four others cannot win.`,
      'Real: five threads with their files, frames delayed as much in addition, equal logs, until another node reports that it leads (asked every millisecond).',
      `Every leader here falls silent while its channels stay open. One whose channels close, as when its process is killed, is replaced sooner: the others do not wait for the timeout. Failovers (above) have the default election timeout, ${nameOf(DEFAULT_RANGE)} ms.`,
    ],
    table: {
      header: [
        'Trials',
        'Algorithm',
        'Logs',
        'Timeout (ms)',
        'n',
        'Median (ms)',
        'p90 (ms)',
        'Worst (ms)',
        'Elected within 1 s (%)',
        'Elected within 10 s (%)',
      ],
      rows: [...groups.values()].flatMap((of) => {
        const [first] = of;
        if (first === undefined) return [];
        const values = withoutLeaderMs(of, rangeOf(first));
        return [
          [
            first.kind,
            first.variant,
            first.logs,
            nameOf(rangeOf(first)),
            formatCount(of.length),
            ...[0.5, 0.9, 1].map((share) => formatWithoutLeader(quantileOf(values, share))),
            ...[SECOND_MS, PAPER_MS].map((ms) => (100 * shareWithin(values, ms)).toFixed(1)),
          ],
        ];
      }),
    },
    charts: ['elections', 'elections-paper', 'elections-rules', 'elections-real'],
  };
}
