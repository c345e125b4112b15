import { formatNumber } from '../measuring/format.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { LimitFigures, Limits } from './limit-figures.ts';
import { describeLimit, EXHAUSTED_SHARE, limitOf, RESOURCES, type Resource } from './limits.ts';
import type { Section } from './table.ts';

export function limitSection(limits: Limits): Section {
  const { loads } = limits;
  const resources = RESOURCES.filter((resource) => loads.some(({ used }) => used[resource] !== undefined));
  return {
    title: 'Where is the limit, and why?',
    ...answerOf(limits),
    note: `Each load with as much in flight as it takes, ${limits.facts.nodes} nodes and their client on one machine, and how much of each resource it uses; from ${Math.round(100 * EXHAUSTED_SHARE)} % on it is exhausted. A dash: not measured.`,
    terms: [
      'Rates are medians of the rounds. Steady rounds: those whose rate became steady. Where none did, or adds alone are slower than adds that are also claimed and completed, the rate is no limit: not established.',
      ...definitionsOf(limits),
      ...elsewhereOf(limits),
    ],
    table: {
      header: [
        ...['Payload', 'Load', 'Rate (/s)', 'Payload (MB/s)', 'Steady rounds'],
        ...resources.map((resource) => `${capitalized(resource)} (%)`),
        ...["Of the leader's thread (%)", 'Exhausted'],
      ],
      rows: loads.map((of) => [
        ...[formatBytes(of.payloadBytes), of.load, rateOf(of), formatNumber(of.megabytesPerSecond)],
        `${of.steadyRounds} of ${of.rounds}`,
        ...resources.map((resource) => percentOf(of.used[resource])),
        leaderCellOf(of),
        limitOf(of.used).exhausted.join(', ') || 'not determined',
      ]),
    },
    charts: [],
  };
}

const rateOf = ({ isEstablished, perSecond }: LimitFigures): string =>
  isEstablished ? formatNumber(perSecond) : `${formatNumber(perSecond)}: not established`;
const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const percentOf = (share: number | undefined): string => (share === undefined ? '–' : formatNumber(100 * share));

const whole = (share: number): string => `${Math.round(100 * share)}`;

function leaderCellOf({ leader, commitShare }: LimitFigures): string {
  if (leader === undefined) return commitShare === undefined ? '–' : `${whole(commitShare)} in commits`;
  return `${whole(leader.onProcessor)} on a processor, ${whole(leader.ready)} waiting for one, ${whole(leader.onDisk)} for the disk`;
}

/** What 100 % is. */
function definitionsOf(limits: Limits): readonly string[] {
  const definitions = limits.loads.some(({ leader }) => leader !== undefined) ? watchedDefinitions(limits) : profiledDefinitions(limits);
  return RESOURCES.map((resource) => definitions[resource]).filter((text) => text !== '');
}

type Definitions = Readonly<Record<Resource, string>>;

const filesAtOnce = (megabytesPerSecond: number, nodes: number): string =>
  `1 MiB is written and synced (fdatasync), again and again, to one file a node at once; each of the ${nodes} files takes ${formatNumber(megabytesPerSecond)} MB/s, ${formatNumber(megabytesPerSecond * nodes)} together (medians of the rounds).`;

/** Measured together with the rate. */
const watchedDefinitions = ({ cores, diskMegabytesPerSecond: disk, facts }: Limits): Definitions => ({
  "leader's thread":
    'All shares are of the time in which the rate was measured. Threads: on a processor or waiting for one, by the counters of the system, or waiting for the disk, by their state every 10 ms; the rest they sleep, since there is nothing to do.',
  "client's thread": '',
  processors: `Processors: processor time of the process, nodes and client, of ${cores ?? 'all'} processors.`,
  "disk's time": "Disk's time: at least one request was in progress; a disk that serves several at once can take more.",
  "disk's bytes":
    disk === undefined
      ? ''
      : `Disk's bytes: all that was written, of what plain synced writes reach: ${filesAtOnce(disk, facts.nodes)} SQLite writes each byte into its WAL and then into its file.`,
  "disk's syncs": '',
});

/** Sessions before the resources were measured together with the rate. */
const profiledDefinitions = ({ cores, diskMegabytesPerSecond: disk, commitsPerSecond: commits, facts }: Limits): Definitions => ({
  "leader's thread":
    "Threads: share of their time in which they are active, by V8's profiler, in another run with the same load, start and end included, so that the share in steady state is higher; a thread in a commit counts as active while it waits for the disk, so that active is more than what the processors are used.",
  "client's thread": '',
  processors: `Processors: processor time of the process, nodes and client, of ${cores ?? 'all'} processors; of adds alone as measured beside other queues, else with the warm-up.`,
  "disk's time": '',
  "disk's bytes":
    disk === undefined
      ? ''
      : `Disk's bytes: ${filesAtOnce(disk, facts.nodes)} Of that the payload is counted once a node: what a node writes in all was not counted, and is at least twice as much, since SQLite writes each byte into its WAL and then into its file.`,
  "disk's syncs":
    commits === undefined
      ? ''
      : `Disk's syncs: of ${formatNumber(commits)} SQLite commits a second and file, when ${facts.nodes} files commit at once.`,
});

/** The same loads in other programs, whose figures differ. */
function elsewhereOf({ elsewhere }: Limits): readonly string[] {
  if (elsewhere.length === 0) return [];
  const parts = elsewhere.map(({ what, perSecond }) => `${formatNumber(perSecond)}/s ${what}`).join(', ');
  return [`The same loads of 64 B in other programs of the evaluation, at other times (medians): ${parts}.`];
}

/** Payloads of the summary: the smallest, 1 KiB and the largest. */
const SMALL_BYTES = 64;
const LARGEST_BYTES = 1_048_576;
const ANSWERED = [SMALL_BYTES, 1024, LARGEST_BYTES];

function answerOf({ loads, elsewhere }: Limits): Pick<Section, 'answer' | 'brief'> {
  const found = (bytes: number, load: LimitFigures['load']): LimitFigures | undefined =>
    loads.find((of) => of.payloadBytes === bytes && of.load === load);
  const parts = ANSWERED.flatMap((bytes) => {
    const [adds, cycles] = [found(bytes, 'adds alone'), found(bytes, 'add, claim, complete')];
    if (adds === undefined) return [];
    const completed = cycles === undefined ? '' : `, ${formatNumber(cycles.perSecond)}/s added, claimed and completed`;
    return [`${formatBytes(bytes)}: ${addsOf(adds, elsewhere)}${completed}; ${causeOf(adds.isEstablished ? adds : (cycles ?? adds))}.`];
  });
  const largest = found(LARGEST_BYTES, 'adds alone');
  const small = found(SMALL_BYTES, 'adds alone');
  const causes = largest === undefined ? [] : limitOf(largest.used).exhausted;
  const waits = causes.includes("leader's thread") ? `, which ${waitOf(largest?.leader)}` : '';
  const limitedBy = causes.length === 0 ? '' : `, limited by the ${causes.join(', ')}${waits}`;
  const rates = [
    small === undefined ? [] : [`64 B: ${addsOf(small, elsewhere)}`],
    largest === undefined ? [] : [`1 MiB: ${addsOf(largest, [])}${limitedBy}`],
  ];
  return { brief: `${rates.flat().join('; ')}.`, answer: parts.join(' ') };
}

/** Of the small payload the range over all programs that add it. */
function addsOf({ payloadBytes, perSecond, megabytesPerSecond, isEstablished }: LimitFigures, elsewhere: Limits['elsewhere']): string {
  if (!isEstablished) return 'the limit of adds alone is not established';
  const rates = [perSecond, ...elsewhere.flatMap((of) => (of.isAdds ? [of.perSecond] : []))];
  if (payloadBytes === SMALL_BYTES && rates.length > 1)
    return `${formatNumber(Math.min(...rates))} to ${formatNumber(Math.max(...rates))} adds/s by program`;
  return `${formatNumber(perSecond)} adds/s (${formatNumber(megabytesPerSecond)} MB/s)`;
}

/** How the thread waits, in a sentence. */
const waitOf = (leader: LimitFigures['leader']): string =>
  leader === undefined
    ? 'waits for the disk, too'
    : `is on a processor for ${whole(leader.onProcessor)} % of its time, and waits for one for ${whole(leader.ready)} %, for the disk for ${whole(leader.onDisk)} %`;

function causeOf({ used, leader, commitShare }: LimitFigures): string {
  const { exhausted } = limitOf(used);
  const described = describeLimit(used).replace(/%\)/, '% of its time)');
  if (leader !== undefined) {
    const written = used["disk's bytes"];
    const bytes = written === undefined ? '' : `; what is written is ${whole(written)} % of what plain synced writes reach on this disk`;
    return `${exhausted.length === 0 ? `the cause is ${describeLimit(used)}` : `exhausted: ${described}`}; the leader's thread ${waitOf(leader)}${bytes}`;
  }
  if (exhausted.length === 0) return `the cause is ${describeLimit(used)}`;
  const commits =
    exhausted.includes("leader's thread") && commitShare !== undefined
      ? `, ${Math.round(100 * commitShare)} % in SQLite's commits, where it waits for the disk, too: thread and disk were not separated (profiled in another run)`
      : '';
  const disk = used["disk's bytes"];
  const payload =
    disk === undefined || exhausted.includes("disk's bytes")
      ? ''
      : `; the payload, counted once though SQLite writes it twice, is ${Math.round(100 * disk)} % of what plain synced writes reach on this disk`;
  return `exhausted: ${described}${commits}${payload}`;
}
