import { describeDurability } from '../charts/chart.ts';
import type { Environment } from '../measuring/environment.ts';
import { countOf, formatCount, formatNumber } from '../measuring/format.ts';
import { BUSY_SHARE } from '../measuring/machine-load.ts';
import { median } from '../measuring/statistics.ts';
import type { Evaluation } from '../replay/analysis.ts';
import { countDeliveries } from '../replay/delivery-faults.ts';
import type { RunRow } from '../replay/run-row.ts';
import { deliveredOf, totalOf, underFaults } from './message-sources.ts';
import type { ReportContent } from './tables.ts';

/** One line with the result that most readers want first. */
export function summaryLine({
  evaluation: { allRows, rows },
  sources,
  elections,
}: Pick<ReportContent, 'sources' | 'elections'> & { readonly evaluation: Pick<Evaluation, 'allRows' | 'rows'> }): string {
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
  return [
    `Of ${formatCount(acknowledged)} acknowledged messages (${countOf(runs, 'run')}${faults === undefined ? '' : `; ${faults}`}) ${parts.join(', ')}.`,
    ...electionsNote(elections),
    ...busyNote(rows),
  ].join(' ');
}

/** Where clusters without a fault elected a leader again. */
function electionsNote(counts: ReportContent['elections']): readonly string[] {
  const found = counts.filter(({ elections }) => elections > 0);
  if (found.length === 0) return [];
  const total = found.reduce((sum, { elections }) => sum + elections, 0);
  const clusters = counts.reduce((sum, of) => sum + of.clusters, 0);
  return [
    `${countOf(total, 'election')} without a fault in ${countOf(clusters, 'cluster')} (${found.map(({ source, elections }) => `${source}: ${formatCount(elections)}`).join(', ')}).`,
  ];
}

/** The headline says that the machine was busy. */
function busyNote(rows: readonly RunRow[]): readonly string[] {
  const shares = rows.map((row) => (row.other_cpu_share ?? 0) + (row.steal_share ?? 0));
  const busy = shares.filter((share) => share > BUSY_SHARE).length;
  if (busy === 0) return [];
  const most = Math.round(Math.max(...shares) * 100);
  return [
    `The machine was busy during ${busy} of ${rows.length} replayed runs: other processes used up to ${most} % of its processors, so ${countOf(busy, 'replayed run')} may be slower.`,
  ];
}

export const durabilityLine = (evaluation: Evaluation): string =>
  `Unless a table names other nodes or another durability, figures are of ${evaluation.nodes} nodes in one process, ${describeDurability(evaluation.durability)}.`;

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
          `Disk: 4 KiB written and fdatasync'ed took ${formatNumber(median(probes))} ms (median of the probes before each replayed run, ${formatNumber(Math.min(...probes))} to ${formatNumber(Math.max(...probes))} ms). A durable reply takes at least one such write on a majority. Other commands probe at their own times, and name their own figure.`,
        ]),
    `Other load: ${loadLine(rows)}`,
    `Replayed runs: commit ${evaluation.commits.join(', ')}; settings ${[...new Set(rows.map((row) => row.config_hash))].join(', ')}; measured ${started[0] ?? ''} to ${started.at(-1) ?? ''}.`,
    `Commands: ${[...new Set(rows.map((row) => row.command))].map((command) => `\`${command}\``).join(', ')}.`,
    'Each run is a fresh cluster on an empty disk folder. A warm-up in a separate queue is discarded. Repetitions are interleaved. Below six runs of a case their range is shown, from six on a bootstrap interval of the median.',
    'Producer, consumers and nodes share one machine. Producer and consumers share one thread; each node has its own.',
    'Lost is defined under "Safety". Every payload is compared on arrival.',
  ];
}

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
