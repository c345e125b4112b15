import { formatFew, formatNumber, formatSpread } from '../measuring/format.ts';
import { NOT_STEADY } from '../measuring/steadiness.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { LimitFigures, Limits, OtherRate } from './limit-figures.ts';
import { describeLimit, EXHAUSTED_SHARE, type LeaderShares, limitOf, RESOURCES } from './limits.ts';
import type { Section } from './table.ts';

export function limitSection(limits: Limits): Section {
  const { loads } = limits;
  const resources = RESOURCES.filter((resource) => loads.some(({ used }) => used[resource] !== undefined));
  return {
    title: 'Where is the limit, and why?',
    ...answerOf(limits),
    note: `Each load with as much in flight as it takes, ${limits.facts.nodes} nodes and their client on one machine, and how much of each resource it uses; from ${Math.round(100 * EXHAUSTED_SHARE)} % on it is exhausted. A dash: not measured.`,
    terms: ['Steady rounds: those whose rate became steady.', ...definitionsOf(limits), ...elsewhereOf(limits)],
    table: {
      header: [
        ...['Payload', 'Load', 'Rate (/s)', 'Payload (MB/s)', 'Steady rounds'],
        ...resources.map((resource) => `${capitalized(resource)} (%)`),
        ...["Of the leader's thread (%)", 'Bounded by'],
      ],
      rows: loads.map((of) => [
        ...[formatBytes(of.payloadBytes), of.load, rateOf(of), formatFew(of.megabytesPerSecond, of.rounds)],
        `${of.steadyRounds} of ${of.rounds}`,
        ...resources.map((resource) => percentOf(of.used[resource])),
        leaderCellOf(of),
        limitOf(of.used).exhausted.join(', ') || 'not determined',
      ]),
    },
    charts: [],
  };
}

const rateOf = ({ isEstablished, rates }: LimitFigures): string => formatSpread(rates, isEstablished ? '' : NOT_STEADY);
const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const percentOf = (share: number | undefined): string => (share === undefined ? '–' : formatNumber(100 * share));

const whole = (share: number): string => `${Math.round(100 * share)}`;

function leaderCellOf({ leader }: LimitFigures): string {
  if (leader === undefined) return '–';
  return `${whole(leader.onProcessor)} on a processor, ${whole(leader.ready)} waiting for one, ${whole(leader.onDisk)} for the disk`;
}

/** What 100 % is. */
function definitionsOf({ cores, diskMegabytesPerSecond: disk, facts }: Limits): readonly string[] {
  return [
    'All shares are of the time in which the rate was measured. Threads: on a processor or waiting for one, by the counters of the system, or waiting for the disk, by their state every 10 ms; the rest they sleep, since there is nothing to do.',
    `Processors: processor time of the process, nodes and client, of ${cores ?? 'all'} processors.`,
    "Disk's time: at least one request was in progress; a disk that serves several at once can take more.",
    ...(disk === undefined
      ? []
      : [
          `Disk's bytes: all that was written, of what plain synced writes reach: ${filesAtOnce(disk, facts.nodes)} SQLite writes each byte into its WAL and then into its file.`,
        ]),
  ];
}

const filesAtOnce = (megabytesPerSecond: number, nodes: number): string =>
  `1 MiB is written and synced (fdatasync), again and again, to one file a node at once; each of the ${nodes} files takes ${formatNumber(megabytesPerSecond)} MB/s, ${formatNumber(megabytesPerSecond * nodes)} together (medians of the rounds).`;

/** The same loads in other programs, whose figures differ. */
function elsewhereOf({ elsewhere }: Limits): readonly string[] {
  if (elsewhere.length === 0) return [];
  const parts = elsewhere.map((of) => `${otherOf(of)}/s ${of.what} (n=${of.count})`).join(', ');
  const adds = elsewhere.filter(({ isAdds }) => isAdds).length;
  const reason =
    adds === 0 ? '' : ' Why adds alone differ between programs, which have different clients and numbers in flight, is not known.';
  return [`The same loads of 64 B in other programs of the evaluation, at other times (medians): ${parts}.${reason}`];
}

const otherOf = ({ perSecond, count, isSteady }: OtherRate): string => `${formatFew(perSecond, count)}${isSteady ? '' : NOT_STEADY}`;

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
    const completed =
      cycles === undefined
        ? ''
        : `, ${formatFew(cycles.perSecond, cycles.rounds)}${cycles.isEstablished ? '' : NOT_STEADY}/s added, claimed and completed`;
    return [`${formatBytes(bytes)}: ${addsOf(adds, elsewhere)}${completed}; ${causeOf(adds.isEstablished ? adds : (cycles ?? adds))}.`];
  });
  const largest = found(LARGEST_BYTES, 'adds alone');
  const small = found(SMALL_BYTES, 'adds alone');
  const rates = [
    small === undefined ? [] : [`64 B: ${addsOf(small, elsewhere)}`],
    largest === undefined ? [] : [`1 MiB: ${addsOf(largest, [])}${limitedBy(largest)}`],
  ];
  return { brief: `${rates.flat().join('; ')}.`, answer: parts.join(' ') };
}

/** For the list of answers. */
function limitedBy({ used, leader }: LimitFigures): string {
  const { exhausted } = limitOf(used);
  if (exhausted.length === 0) return '';
  const waits = leader !== undefined && exhausted.includes("leader's thread") ? `, which ${waitOf(leader)}` : '';
  return `, bounded by the ${exhausted.join(', ')}${waits}`;
}

/** Of the small payload the range over all programs that add it. */
function addsOf(of: LimitFigures, elsewhere: Limits['elsewhere']): string {
  const { payloadBytes, perSecond, megabytesPerSecond, rounds } = of;
  const others = elsewhere.filter(({ isAdds }) => isAdds);
  if (payloadBytes === SMALL_BYTES && others.length > 0) {
    const own = { what: '', isAdds: true, perSecond, count: rounds, isSteady: of.isEstablished };
    const all = [own, ...others].sort((a, b) => a.perSecond - b.perSecond);
    const [low = own, high = own] = [all[0], all.at(-1)];
    return `${otherOf(low)} to ${otherOf(high)} adds/s by program`;
  }
  if (!of.isEstablished) return 'the limit of adds alone is not established';
  return `${formatFew(perSecond, rounds)} adds/s (${formatFew(megabytesPerSecond, rounds)} MB/s)`;
}

/** How the thread spends its time, in a sentence. */
const waitOf = ({ onProcessor, ready, onDisk }: LeaderShares): string =>
  `is on a processor for ${whole(onProcessor)} % of its time, and waits for one for ${whole(ready)} %, for the disk for ${whole(onDisk)} %`;

function causeOf({ used, leader }: LimitFigures): string {
  const { exhausted } = limitOf(used);
  const described = describeLimit(used);
  const written = used["disk's bytes"];
  return [
    exhausted.length === 0 ? `the cause is ${described}` : `exhausted: ${described.replace(/%\)/, '% of its time)')}`,
    ...(leader === undefined ? [] : [`the leader's thread ${waitOf(leader)}`]),
    ...(written === undefined ? [] : [`for comparison: what is written is ${whole(written)} % of what synced writes of 1 MiB reach`]),
  ].join('; ');
}
