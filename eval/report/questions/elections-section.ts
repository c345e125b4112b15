import { formatCount } from '../../measuring/format.ts';
import { formatWithoutLeader, quantileOf, rangeOf, shareWithin, withoutLeaderMs } from '../../questions/elections/election-figures.ts';
import { DELAY_MS, type ElectionRow, LIMIT_MS } from '../../questions/elections/elections.ts';
import { DEFAULT_RANGE, nameOf } from '../../questions/elections/timeout-ranges.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

/** What the paper reports (§9.3) of its own algorithm, in milliseconds, by timeouts. */
const REPORTED = [
  { name: '150–155', share: 0.5, ms: 287 },
  { name: '150–200', share: 1, ms: 513 },
  { name: '12–24', share: 1, ms: 152 },
] as const;
const OURS = 'pre-votes and tie-break';
const PAPERS = 'as in the paper';

const SECOND_MS = 1000;
/** The paper’s elections without randomness took longer than this. */
const PAPER_MS = 10_000;

export function electionsSection({ rows }: Answer<ElectionRow>): Section {
  const groups = Map.groupBy(rows, (row) => [row.kind, row.variant, row.logs, nameOf(rangeOf(row))].join());
  return {
    title: 'How long without a leader?',
    ...briefOf(rows),
    note: `As in the Raft paper (§9.3, Figure 16): the leader of five nodes sends all others a message, and ends at a random moment of the heartbeat interval after it, which is half of the shortest timeout. A trial ends after ${formatCount(LIMIT_MS / SECOND_MS)} s.`,
    terms: [
      `Simulated: the cores that the nodes run, without threads and disks, ${DELAY_MS.from} to ${DELAY_MS.to} ms one way (a broadcast with all replies then takes about 15 ms, as there), until one has the votes. With different logs two of the four others cannot win.`,
      'Real: five threads with their files, frames delayed as much in addition, equal logs, until another node reports that it leads (asked every millisecond).',
      `Every leader here falls silent while its channels stay open. One whose channels close, as when its process is killed, is replaced sooner: the others do not wait for the timeout. Failovers (above) have the default election timeout, ${nameOf(DEFAULT_RANGE)} ms.`,
      ...paperLine(rows),
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

/** With the usual timeouts. */
function briefOf(rows: readonly ElectionRow[]): Pick<Section, 'brief'> {
  const of = rows.filter((row) => row.variant === OURS && nameOf(rangeOf(row)) === '150–300');
  const parts = (['simulated', 'real'] as const).flatMap((kind) =>
    (['different', 'equal'] as const).flatMap((logs) => {
      const trials = of.filter((row) => row.kind === kind && row.logs === logs);
      const [first] = trials;
      if (first === undefined) return [];
      const values = withoutLeaderMs(trials, rangeOf(first));
      return [`${formatWithoutLeader(quantileOf(values, 0.5))} ms ${kind === 'real' ? 'in a real cluster' : 'simulated'}, logs ${logs}`];
    }),
  );
  return parts.length === 0
    ? {}
    : { brief: `With timeouts of 150–300 ms a silent leader is replaced within (medians) ${parts.join('; ')}.` };
}

/** The paper's figures beside those of the same algorithm here, and those of jobraft. */
function paperLine(rows: readonly ElectionRow[]): readonly string[] {
  const found = (variant: string, name: string, share: number): string | undefined => {
    const of = rows.filter(
      (row) => row.kind === 'simulated' && row.variant === variant && row.logs === 'different' && nameOf(rangeOf(row)) === name,
    );
    const [first] = of;
    return first === undefined ? undefined : formatWithoutLeader(quantileOf(withoutLeaderMs(of, rangeOf(first)), share));
  };
  const parts = REPORTED.flatMap(({ name, share, ms }) => {
    const [theirs, ours] = [found(PAPERS, name, share), found(OURS, name, share)];
    if (theirs === undefined || ours === undefined) return [];
    return [
      `${name} ms, ${share === 1 ? 'worst' : 'median'}: ${ms} in the paper, ${theirs} with its algorithm simulated here, ${ours} as jobraft is`,
    ];
  });
  return parts.length === 0
    ? []
    : [`The paper's own figures (ms), which its algorithm does not reproduce here, for a reason that is not known: ${parts.join('; ')}.`];
}
