import { describeDurability } from '../charts/chart.ts';
import type { Environment } from '../measuring/environment.ts';
import { formatCount, formatNumber } from '../measuring/format.ts';
import type { Evaluation } from '../replay/analysis.ts';

/** One line with the result that most readers want first. */
export function summaryLine({ rows }: Evaluation): string {
  const valid = rows.filter((row) => row.valid);
  const count = (column: 'acknowledged' | 'lost' | 'duplicated'): number => valid.reduce((total, row) => total + row[column], 0);
  return `${formatCount(valid.length)} valid runs, ${formatCount(count('acknowledged'))} messages acknowledged, ${formatCount(count('lost'))} lost, ${formatCount(count('duplicated'))} duplicated.`;
}

export const durabilityLine = (evaluation: Evaluation): string =>
  `Every throughput here is of ${evaluation.nodes} nodes in one process, ${describeDurability(evaluation.durability)}.`;

/** How the figures were made: machine, commit, commands. */
export function methodLines(evaluation: Evaluation, environments: Readonly<Record<string, Environment>>): readonly string[] {
  const { rows } = evaluation;
  const machine = environments[evaluation.environment];
  const probe = machine?.fdatasyncProbes.at(-1);
  const started = rows.map((row) => row.started).sort();
  return [
    ...(machine === undefined
      ? []
      : [
          `Machine ${evaluation.environment}: ${machine.cpu}, ${machine.cores} cores, ${formatNumber(machine.memoryBytes / 2 ** 30)} GiB, ${machine.platform}, kernel ${machine.kernel}, file system ${machine.filesystem}, Node.js ${machine.node}.`,
        ]),
    ...(probe === undefined
      ? []
      : [
          `Disk: 4 KiB written and fdatasync'ed takes ${formatNumber(probe.p50Ms)} ms (p50) and ${formatNumber(probe.p99Ms)} ms (p99) there. No durable reply can be faster.`,
        ]),
    `Commit ${evaluation.commits.join(', ')}; settings ${[...new Set(rows.map((row) => row.config_hash))].join(', ')}; measured ${started[0] ?? ''} to ${started.at(-1) ?? ''}.`,
    `Commands: ${[...new Set(rows.map((row) => row.command))].map((command) => `\`${command}\``).join(', ')}.`,
    'Each run is a fresh cluster on an empty disk folder. A warm-up in a separate queue is discarded. Repetitions are interleaved; the intervals are bootstrap intervals over runs.',
    'Producer, consumers and nodes share one machine. Producer and consumers share one thread; each node has its own.',
    'Lost = acknowledged − completed, counted message by message after the queue was seen empty. Every payload is compared on arrival.',
  ];
}

/** Limits of the figures. */
export const LIMITS: readonly string[] = [
  'All nodes share one process, one machine and one disk: the figures apply to the embedded cluster, not to a network between machines.',
  "The original's figures come from another machine with another disk and another program; the difference is not due to the design alone.",
  'Our paced sender keeps to its schedule and does not wait for a reply before the next message. A reply within the 100 ms therefore adds nothing to the overhead; the latency columns show how long a message waits.',
  'Short series (100 messages) end in milliseconds as fast as possible; their throughput says more about start and end than about capacity. Capacity is what the sweep shows.',
  'These runs inject no faults.',
];

export function invalidLines({ invalidRows, otherRows }: Evaluation): readonly string[] {
  const lines = invalidRows.map((row) => `\`${row.run}\`: ${row.reason}.`);
  if (otherRows > 0)
    lines.push(`${formatCount(otherRows)} further rows of runs.csv are of other machines or settings, or older than those shown.`);
  return lines;
}
