import type { Environment } from '../measuring/environment.ts';
import { countOf, formatCount, formatNumber } from '../measuring/format.ts';
import { median } from '../measuring/statistics.ts';
import { NOT_STEADY_RULE } from '../measuring/steadiness.ts';
import type { Evaluation } from '../replay/analysis.ts';
import { countDeliveries } from '../replay/delivery-faults.ts';
import type { RunRow } from '../replay/run-row.ts';
import { busyLine, busyNote } from './busy-runs.ts';
import { deliveredOf, totalOf, underFaults } from './message-sources.ts';
import type { ReportContent } from './tables.ts';

/** One sentence with the result that most readers want first. */
export function summaryLine({
  evaluation: { allRows },
  sources,
}: Pick<ReportContent, 'sources'> & { readonly evaluation: Pick<Evaluation, 'allRows'> }): string {
  const valid = allRows.filter((row) => row.valid).length;
  const { changed, undrained } = countDeliveries(allRows);
  const total = totalOf(sources);
  const { runs, acknowledged, lost, duplicated, notCompleted } = total;
  const faults = underFaults(sources);
  const parts = [
    ...(lost === null ? ['an unknown number lost'] : [`${formatCount(deliveredOf(total))} were delivered`, `${formatCount(lost)} lost`]),
    `${duplicated === null ? 'an unknown number' : formatCount(duplicated)} delivered twice`,
    ...(notCompleted > 0 ? [`${formatCount(notCompleted)} undetermined, whose overloaded run ended before they were delivered`] : []),
    ...(changed > 0 ? [`${formatCount(changed)} changed`] : []),
    ...(undrained > 0 ? [`${countOf(undrained, 'queue')} not drained`] : []),
    ...(valid < allRows.length ? [`${formatCount(valid)} of ${countOf(allRows.length, 'replayed run')} valid`] : []),
  ];
  return `Of ${formatCount(acknowledged)} acknowledged messages (${countOf(runs, 'run')}${faults === undefined ? '' : `; ${faults}`}) ${parts.join(', ')}.`;
}

/** What the figures are of; the second sentence of the report. */
export const durabilityLine = ({ nodes, durability }: Pick<Evaluation, 'nodes' | 'durability'>): string =>
  `Unless a table names others, figures are of ${nodes} nodes as threads of one process, and ${
    durability === 'full' ? `acknowledged means ${SYNCED}` : 'nothing is synced (no fdatasync) before an acknowledgement'
  }.`;

/** What a reply waits for, and what that was not tested against. */
const SYNCED =
  'synced (fdatasync) to the files of a majority of the nodes, which are all on one disk of one machine; no power cut was tested';

/** What a reader must know of the whole: signs, elections that should not be, and a busy machine. */
export const cautions = ({
  evaluation: { rows },
  elections,
}: Pick<ReportContent, 'elections'> & { readonly evaluation: Pick<Evaluation, 'rows'> }): readonly string[] => [
  'Figures are medians, in parentheses the lowest and the highest, of n rounds or runs; with n of at most 3 they have two digits, and no parentheses where all are the same.',
  NOT_STEADY_RULE,
  ...electionsNote(elections),
  ...busyLine(rows),
];

/** Where clusters without a fault elected a leader again. */
function electionsNote(counts: ReportContent['elections']): readonly string[] {
  const found = counts.filter(({ elections }) => elections > 0);
  if (found.length === 0) return [];
  const total = found.reduce((sum, { elections }) => sum + elections, 0);
  const clusters = counts.reduce((sum, of) => sum + of.clusters, 0);
  return [
    `${countOf(total, 'election')} without a fault in ${countOf(clusters, 'cluster')} whose elections were counted (${found.map(({ source, elections }) => `${source}: ${formatCount(elections)}`).join(', ')}); "Safety" says which those are.`,
  ];
}

/** How the figures were made: machine, commit, commands. */
export function methodLines(evaluation: Evaluation, environments: Readonly<Record<string, Environment>>): readonly string[] {
  const { rows } = evaluation;
  const machine = environments[evaluation.environment];
  const probes = rows.flatMap((row) => (row.fdatasync_p50_ms === null ? [] : [row.fdatasync_p50_ms]));
  const started = rows.map((row) => row.started).sort();
  return [
    ...(machine === undefined
      ? []
      : [
          `Machine ${evaluation.environment}: ${machine.cpu}, ${machine.cores} cores, ${formatNumber(machine.memoryBytes / 2 ** 30)} GiB, ${machine.platform}, kernel ${machine.kernel}, file system ${machine.filesystem}, Node.js ${machine.node}.`,
        ]),
    ...(probes.length === 0
      ? []
      : [
          `Disk: 4 KiB written and fdatasync'ed took ${formatNumber(median(probes))} ms (median of the probes before each replayed run, ${formatNumber(Math.min(...probes))} to ${formatNumber(Math.max(...probes))} ms). A reply waits for at least one such write of a majority of the nodes, whose files are all on this disk. Other commands probe at their own times, and name their own figure.`,
        ]),
    `Other load: ${loadLine(rows)}`,
    ...busyNote(rows),
    `Replayed runs: commit ${evaluation.commits.join(', ')}; settings ${[...new Set(rows.map((row) => row.config_hash))].join(', ')}; measured ${started[0] ?? ''} to ${started.at(-1) ?? ''}.`,
    `Commands: ${[...new Set(rows.map(({ command }) => withoutFolders(command)))].map((command) => `\`${command}\``).join(', ')}.`,
    'Each run is a fresh cluster on an empty disk folder. A warm-up in a separate queue is discarded. Repetitions are interleaved. Below six runs of a case their range is shown, from six on a bootstrap interval of the median.',
    'Producer, consumers and nodes share one machine. Producer and consumers share one thread; each node has its own.',
    'Lost is defined under "Safety". Every payload is compared on arrival.',
  ];
}

/** A command without the folders that it wrote to, which are those of one machine. */
const withoutFolders = (command: string): string => command.replaceAll(/ --(?:plots-)?out(?: |=)(?:"[^"]*"|\S+)/g, '');

/** What else used the machine, over the rows. */
function loadLine(rows: readonly RunRow[]): string {
  const of = (column: 'load_average' | 'steal_share' | 'other_cpu_share', factor: number): string => {
    const values = rows.flatMap((row) => (row[column] === null ? [] : [row[column] * factor]));
    return values.length === 0 ? 'not known' : `${formatNumber(median(values))} (at most ${formatNumber(Math.max(...values))})`;
  };
  return `load average ${of('load_average', 1)}, other processes ${of('other_cpu_share', 100)} % of the processors, stolen by the host ${of('steal_share', 100)} %; medians over the replayed runs. The load average counts the evaluation's own threads, also those that wait for the disk; the shares of other processes do not.`;
}

/** Limits of the figures. */
export const LIMITS: readonly string[] = [
  'All nodes share one process, one machine and one disk: the figures apply to the embedded cluster, not to a network between machines.',
  'No power cut was tested: that a message is synced means that fdatasync returned for the files of a majority of the nodes, which are all on one disk.',
  'The cause of a limit is inferred from how much of each resource was used; no resource was enlarged to see the rate follow.',
  "The original's figures come from another machine with another disk and another program; the difference is not due to the design alone.",
  'Short series (100 messages) end in milliseconds as fast as possible; their throughput says more about start and end than about capacity, which the steady states show.',
  'The replayed runs inject no faults; the soak, the simulator, the sections on elections and failover, and the comparison with other queues do.',
];

export function invalidLines({ invalidRows, otherRows }: Evaluation): readonly string[] {
  const lines = invalidRows.map((row) => `\`${row.run}\`: ${row.reason}.`);
  if (otherRows > 0)
    lines.push(`${formatCount(otherRows)} further rows of runs.csv are of other machines or settings, or older than those shown.`);
  return lines;
}
