import { countOf, formatCount, formatNumber } from '../measuring/format.ts';
import { NOT_STEADY } from '../measuring/steadiness.ts';
import { DEFAULT_RANGE, nameOf as rangeName } from '../questions/elections/timeout-ranges.ts';
import { SMALL_RATES } from './limits.ts';
import { behindTerms, CLIENT_BOUND_PERCENT, clientText, comparedOf, outageTerms, peersAnswer } from './peers-answer.ts';
import {
  CLIENT_MEASURE,
  isOneProcess,
  isOwn,
  isSynced,
  notSteadyOf,
  OWN_FOLDER,
  OWN_PROCESSES,
  OWN_SYSTEM,
  type PeerRow,
  type PeerSession,
  readPeers,
} from './peers-session.ts';
import type { Section, Table } from './table.ts';

const COLUMNS: readonly (readonly [measure: string, title: string])[] = [
  ['add, one at a time, p50', 'one add at a time, p50 (ms)'],
  ['add, one at a time, p99', 'one add at a time, p99 (ms)'],
  ['add, 64 B, many in flight', 'adds, many in flight (1/s)'],
  [CLIENT_MEASURE, "processor of the client's process while adding (% of a core)"],
  ['add, claim, complete', 'add, claim, complete (1/s)'],
  ['leader killed: last to next acknowledged add', 'leader killed, peers see closed channels: gap (ms)'],
  ['leader silent: last to next acknowledged add', 'leader silent, channels open: gap (ms)'],
];
const LOAD_MEASURE = /^adds at (?<percent>\d+) % of its own rate, p50$/;
const nameOf = ({ peer, version }: PeerRow): string => (isOwn(peer) ? peer : `${peer} ${version}`.trim());

/**
 * The last session of a peers.csv as Markdown for the README: a table of all measures, a table of latency at four rates, and notes. Synced
 * systems are first. What the session did not measure has no column and no table.
 */
export function peersSection(csv: string): string {
  const session = readPeers(csv);
  if (session === undefined) return '';
  const loads = loadsTable(session);
  return [
    ...markdown(measuresTable(session)),
    ...(loads === undefined ? [] : ['', ...LOADS_NOTE, '', ...markdown(loads)]),
    '',
    ...notes(session),
  ].join('\n');
}

/** The same as sections of the report. */
export function peersSections(csv: string): readonly Section[] {
  const session = readPeers(csv);
  if (session === undefined) return [];
  const loads = loadsTable(session);
  return [
    {
      title: 'How fast are other queues?',
      ...peersAnswer(session),
      note: `The same workload on each system, with payloads of 64 B. Compare only rows that are synced alike and have as many nodes. Settings are each system's defaults, except what the lines below name; versions of the servers are those that Debian's packages have on this machine, of the clients those of npm. ${notes(session)[0]} ${notes(session)[1]}`,
      terms: termsOf(session),
      table: measuresTable(session),
      charts: [],
    },
    ...(loads === undefined
      ? []
      : [
          {
            title: 'Other queues under load',
            note: `${LOADS_NOTE.join(' ')} Failed: stopped in every round, since more adds were without a reply than are due in a second, or the sender was a second late.`,
            table: loads,
            charts: [],
          },
        ]),
    ...failuresSection(session),
  ];
}

/** The errors as they are, in a table. */
function failuresSection({ failed }: PeerSession): readonly Section[] {
  if (failed.length === 0) return [];
  return [
    {
      title: 'What failed in the comparison',
      note: 'The last reason of each measurement that failed in some round, as it was recorded.',
      table: {
        header: ['system', 'measurement', 'rounds', 'reason'],
        rows: failed.map(({ peer, measure, rounds, reason }) => [
          peer,
          measure,
          String(rounds),
          reason === '' ? '–' : reason.replaceAll('|', '/'),
        ]),
      },
      charts: [],
    },
  ];
}

function termsOf(session: PeerSession): readonly string[] {
  const compared = comparedOf(session);
  return [
    'Closed loop: the next add is sent when one is acknowledged, so that a rate with many in flight is also what the client can send. "Other queues under load" has the open loop.',
    hasSystem(session, OWN_PROCESSES)
      ? `jobraft's nodes are threads beside their client; those of "${OWN_PROCESSES}" and of the others are processes behind a socket: "${compared?.peer ?? OWN_PROCESSES}" is compared with the others.`
      : "jobraft's nodes are threads beside their client, those of the others are processes behind a socket, which costs each add more.",
    ...outageTerms(session),
    ...behindTerms(session),
    ...(hasSystem(session, OWN_FOLDER) ? [FOLDER_FAULTS] : []),
    CELLS_RULE,
    SMALL_RATES,
    boundLine(session),
    `Gaps: the longest time without an acknowledgement, of an add each 5 ms, over so many faults as the rounds have together (${faultsOf(session)} where none failed). A killed leader's channels close; a silent one is stopped, and its channels stay open. The fault is not injected where no add of the half second before it is acknowledged. This comparison does not count losses: whether adds without a reply were stored is not known.`,
    `In flight: ${Object.entries(IN_FLIGHT)
      .filter(([peer]) => peer === OWN_SYSTEM || !isOwn(peer) || hasSystem(session, peer))
      .map(([peer, count]) => `${peer} ${formatCount(count)}`)
      .join(', ')}: what suited each system best when the comparison was written; how that was tried is not recorded.`,
    `Election timeouts: jobraft's default of ${rangeName(DEFAULT_RANGE)} ms; the lines below name what differs from the defaults of the others.`,
    ...settingsOf(session),
  ];
}

/** Which systems their client bounds, with the share of a core that it takes. */
function boundLine(session: PeerSession): string {
  const measured = session.systems.filter((row) => !isOneProcess(row) && session.clientPercentOf(row.peer) !== undefined);
  const shares = measured.map((row) => `${row.peer} ${clientText(session.clientPercentOf(row.peer))}`).join('; ');
  return `A client's process that takes ${CLIENT_BOUND_PERCENT} % of a core or more bounds the rate. It takes, of a core: ${shares === '' ? 'not measured' : shares}.`;
}

const hasSystem = ({ systems }: PeerSession, system: string): boolean => systems.some(({ peer }) => peer === system);

const FOLDER_FAULTS = `The nodes of "${OWN_FOLDER}" are threads of one process, and the client is in another one, which takes over when that process is killed. A process that is stopped keeps the files: the gap of a silent leader is as long as it is stopped.`;

/** As the sources of the comparison have it, which are compiled only where the packages of the other systems are installed. */
export const IN_FLIGHT: Readonly<Record<string, number>> = {
  ...{
    [OWN_SYSTEM]: 4000,
    [OWN_PROCESSES]: 4000,
    [OWN_FOLDER]: 4000,
    etcd: 1000,
    RabbitMQ: 2000,
    BullMQ: 1000,
    'pg-boss': 200,
    NATS: 1000,
  },
};
const CELLS_RULE =
  'A cell has the rounds in which the measurement succeeded, with their number n where it is smaller than that of the other systems. "failed": in no round. A dash: not measured, since there is no other node.';

/** How often each fault of the leader happened. */
const faultsOf = (session: PeerSession): number =>
  Math.max(0, ...session.rows.filter(({ measure }) => measure.startsWith('leader ')).map(({ rounds }) => rounds));

const settingsOf = ({ systems }: PeerSession): readonly string[] =>
  systems.flatMap((row) => (row.settings === '' ? [] : [`${nameOf(row)}: ${row.settings}`]));

function measuresTable(session: PeerSession): Table {
  const columns = COLUMNS.filter(([measure]) => session.has(measure));
  const cell = (system: PeerRow, measure: string): string => {
    const found = session.find(system.peer, measure);
    if (found === undefined) return session.hasFailed(system.peer, measure) ? 'failed' : '–';
    const most = Math.max(...session.rows.filter((row) => row.measure === measure).map(({ rounds }) => rounds));
    const fewer = found.rounds < most ? `, n=${found.rounds} of ${most}` : '';
    const mark = notSteadyOf(found) >= found.rounds ? NOT_STEADY : '';
    const text = `${formatNumber(found.value)}${mark} (${formatNumber(found.low)}–${formatNumber(found.high)})${fewer}`;
    return measure === CLIENT_MEASURE && isOneProcess(system) ? `${text}, its nodes included` : text;
  };
  return {
    header: ['system', 'nodes', 'synced before the reply', ...columns.map(([, title]) => title)],
    rows: session.systems.map((row) => [
      ...[nameOf(row), String(row.nodes), isSynced(row) ? 'yes' : 'no'],
      ...columns.map(([measure]) => cell(row, measure)),
    ]),
  };
}

const loadOf = (percent: string): string => `adds at ${percent} % of its own rate, `;

const LOADS_NOTE = [
  'Latency of an add in milliseconds at four rates, each a share of the system\'s own "adds, many in flight" of its first round: p50, p99, and in parentheses',
  'how late the sender was (p50), which both include. Open loop, Poisson arrivals, timed from the intended start.',
];

/** Each rate is a part of the system's own rate, since no rate suits all systems. `undefined` for a session without such measures. */
function loadsTable(session: PeerSession): Table | undefined {
  const found = session.rows.flatMap(({ measure }) => LOAD_MEASURE.exec(measure)?.groups?.percent ?? []);
  const percents = [...new Set(found)].sort((a, b) => Number(a) - Number(b));
  if (percents.length === 0) return undefined;
  const cell = ({ peer }: PeerRow, percent: string): string => {
    const figure = (name: string): string => {
      const value = session.find(peer, `${loadOf(percent)}${name}`)?.value;
      return value === undefined ? '–' : formatNumber(value);
    };
    if (!session.rows.some((row) => row.peer === peer && row.measure.startsWith(loadOf(percent))))
      return session.hasFailed(peer, loadOf(percent).slice(0, -2)) ? 'failed' : '–';
    return `${figure('offered')}/s: ${figure('p50')}, ${figure('p99')} (${figure("sender's delay, p50")})`;
  };
  return {
    header: ['system', ...percents.map((percent) => `at ${percent} %`)],
    rows: session.systems.map((row) => [nameOf(row), ...percents.map((percent) => cell(row, percent))]),
  };
}

function notes(session: PeerSession): string[] {
  const { systems, floor, failed, first } = session;
  const made = `${first.session.slice(0, 10)}, commit ${first.commit.slice(0, 7)}, Node.js ${floor?.version ?? 'unknown'}`;
  const bounded = systems.filter((row) => !isOneProcess(row) && (session.clientPercentOf(row.peer) ?? 0) >= CLIENT_BOUND_PERCENT);
  const names = bounded.map(({ peer }) => peer).join(', ');
  return [
    `Medians of ${first.rounds} rounds with their range, 64 B, all in one session (${made});`,
    `one fdatasync took ${floor === undefined ? '–' : formatNumber(floor.value)} ms before these rounds.`,
    ...(names === '' ? [] : [`Bounded by their client, whose process takes ${CLIENT_BOUND_PERCENT} % of a core or more: ${names}.`]),
    ...failed.map(
      ({ peer, measure, rounds, reason }) =>
        `Failed in ${countOf(rounds, 'round')}: ${peer}, ${measure}${reason === '' ? '' : ` (${reason})`}.`,
    ),
  ];
}

/** Emphasizes this system, and what is not durable. */
function markdown({ header, rows }: Table): string[] {
  const strong = (cell: string): string => (isOwn(cell) || cell === 'no' ? `**${cell}**` : cell);
  return [header, header.map(() => '---'), ...rows.map((cells) => cells.map(strong))].map((cells) => `| ${cells.join(' | ')} |`);
}
