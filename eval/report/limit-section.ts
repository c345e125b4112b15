import { formatNumber } from '../measuring/format.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { LimitFigures, Limits } from './limit-figures.ts';
import { describeLimit, EXHAUSTED_SHARE, limitOf, RESOURCES, type Resource } from './limits.ts';
import { anomalyNote } from './questions/size-section.ts';
import type { Section } from './table.ts';

export function limitSection(limits: Limits): Section {
  const { loads } = limits;
  return {
    title: 'Where is the limit, and why?',
    answer: answerOf(loads),
    note: [
      `The highest steady rate of each load, ${limits.facts.nodes} nodes and their client on one machine, and how much of each resource it takes; from ${Math.round(100 * EXHAUSTED_SHARE)} % on it is exhausted.`,
      definitionsOf(limits),
      elsewhereOf(limits),
      anomalyNote(limits.sizes.rows) ?? '',
    ]
      .filter((part) => part !== '')
      .join(' '),
    table: {
      header: [
        ...['Payload', 'Load', 'Rate (/s)', 'Payload (MB/s)', 'Steady rounds'],
        ...RESOURCES.map((resource) => `${capitalized(resource)} (%)`),
        ...["Leader's thread in commits (%)", 'Exhausted'],
      ],
      rows: loads.map((of) => [
        ...[formatBytes(of.payloadBytes), of.load, formatNumber(of.perSecond), formatNumber(of.megabytesPerSecond)],
        `${of.steadyRounds} of ${of.rounds}`,
        ...RESOURCES.map((resource) => percentOf(of.used[resource])),
        percentOf(of.commitShare),
        limitOf(of.used).exhausted.join(', ') || 'not determined',
      ]),
    },
    charts: [],
  };
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const percentOf = (share: number | undefined): string => (share === undefined ? '–' : formatNumber(100 * share));

/** What 100 % is. */
function definitionsOf({ cores, diskMegabytesPerSecond: disk, commitsPerSecond: commits, facts }: Limits): string {
  const definitions: Readonly<Record<Resource, string>> = {
    "leader's thread":
      "Threads: share of their time in which they are active, by V8's profiler, in one run of the bench with the same load, start and end included; a thread in a commit is active while the disk works.",
    "client's thread": '',
    processors: `Processors: processor time of the process, nodes and client, of ${cores ?? 'all'} processors; of adds alone as measured beside other queues, else with the warm-up.`,
    "disk's bytes":
      disk === undefined
        ? ''
        : `Disk's bytes: 1 MiB is written and synced (fdatasync), again and again, to one file a node at once; each of the ${facts.nodes} files takes ${formatNumber(disk)} MB/s, ${formatNumber(disk * facts.nodes)} together (medians of the rounds). Of that the payload is counted once a node: what a node writes in all was not counted, and is more, since SQLite writes each byte twice, into its WAL and then into its file.`,
    "disk's syncs":
      commits === undefined
        ? ''
        : `Disk's syncs: of ${formatNumber(commits)} SQLite commits a second and file, when ${facts.nodes} files commit at once.`,
  };
  return RESOURCES.map((resource) => definitions[resource])
    .filter((text) => text !== '')
    .join(' ');
}

/** The same loads in other programs, whose figures differ. */
function elsewhereOf({ elsewhere }: Limits): string {
  if (elsewhere.length === 0) return '';
  const parts = elsewhere.map(({ what, perSecond }) => `${formatNumber(perSecond)}/s ${what}`).join(', ');
  return `The same loads of 64 B gave other rates in other programs of the evaluation, at other times: ${parts}.`;
}

/** Payloads of the summary: the smallest, 1 KiB and the largest. */
const ANSWERED = [64, 1024, 1_048_576];

function answerOf(loads: readonly LimitFigures[]): string {
  return ANSWERED.flatMap((bytes) => {
    const [adds, cycles] = (['adds alone', 'add, claim, complete'] as const).map((load) =>
      loads.find((of) => of.payloadBytes === bytes && of.load === load),
    );
    if (adds === undefined) return [];
    const rates = `${formatNumber(adds.perSecond)} adds/s (${formatNumber(adds.megabytesPerSecond)} MB/s)${cycles === undefined ? '' : `, or ${formatNumber(cycles.perSecond)}/s added, claimed and completed`}`;
    return [`${formatBytes(bytes)}: ${rates}; ${causeOf(adds)}.`];
  }).join(' ');
}

function causeOf({ used, commitShare }: LimitFigures): string {
  const { exhausted } = limitOf(used);
  if (exhausted.length === 0) return `the cause is ${describeLimit(used)}`;
  const commits =
    exhausted.includes("leader's thread") && commitShare !== undefined
      ? `, in SQLite's commits (writes and syncs) for ${Math.round(100 * commitShare)} % of its time`
      : '';
  const disk = used["disk's bytes"];
  const payload =
    disk === undefined || exhausted.includes("disk's bytes")
      ? ''
      : `; the payload is ${Math.round(100 * disk)} % of what plain synced writes reach on this disk`;
  return `exhausted: ${describeLimit(used)}${commits}${payload}`;
}
