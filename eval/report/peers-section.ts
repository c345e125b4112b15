import { formatNumber } from '../measuring/format.ts';
import { CLIENT_MEASURE, isSynced, type PeerRow, type PeerSession, readPeers } from './peers-session.ts';
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
/** A client's process at this percentage of a core bounds the rate that is measured. */
const CLIENT_BOUND_PERCENT = 90;

/** Whether the nodes are in the process of the client, by the sentence about the system's durability. */
const isOneProcess = ({ durability }: PeerRow): boolean => durability.includes('threads of one process');

const nameOf = ({ peer, version }: PeerRow): string => (peer === 'jobraft' ? 'jobraft' : `${peer} ${version}`.trim());

/**
 * The last session of a peers.csv as Markdown for the README: a table of all measures, a table of latency at four rates, and notes. Durable
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
      ...answerOf(session),
      note: `The same workload on each system, with the best settings that we could find; 64 B payloads. jobraft's nodes are threads beside their client, those of the others are processes behind a socket; figures of different durability or numbers of nodes are different figures. ${notes(session).join(' ')}`,
      table: measuresTable(session),
      charts: [],
    },
    ...(loads === undefined
      ? []
      : [
          {
            title: 'Other queues under load',
            note: `${LOADS_NOTE.join(' ')} The chart of the load shows those with as many nodes and as durable.`,
            table: loads,
            charts: [],
          },
        ]),
  ];
}

/** Of one add and of many, beside the others' range. */
function answerOf(session: PeerSession): Pick<Section, 'answer'> {
  const valuesOf = (measure: string): readonly number[] =>
    session.rows.filter((row) => row.measure === measure && row.peer !== 'jobraft').map(({ value }) => value);
  const own = (measure: string): number | undefined => session.find('jobraft', measure)?.value;
  const [p50, p99, many] = ['add, one at a time, p50', 'add, one at a time, p99', 'add, 64 B, many in flight'] as const;
  const [ownP50, ownP99, ownMany] = [own(p50), own(p99), own(many)];
  if (ownP50 === undefined || ownP99 === undefined || ownMany === undefined || valuesOf(p99).length === 0) return {};
  const range = (measure: string): string =>
    `${formatNumber(Math.min(...valuesOf(measure)))} to ${formatNumber(Math.max(...valuesOf(measure)))}`;
  return {
    answer: `One add at a time takes jobraft ${formatNumber(ownP50)} ms (p50; the others ${range(p50)}) and ${formatNumber(ownP99)} ms (p99; ${range(p99)}). With many in flight it adds ${formatNumber(ownMany)}/s, the others ${range(many)}.`,
  };
}

function measuresTable(session: PeerSession): Table {
  const columns = COLUMNS.filter(([measure]) => session.has(measure));
  const cell = (system: PeerRow, measure: string): string => {
    const found = session.find(system.peer, measure);
    if (found === undefined) return '–';
    const text = `${formatNumber(found.value)} (${formatNumber(found.low)}–${formatNumber(found.high)})`;
    return measure === CLIENT_MEASURE && isOneProcess(system) ? `${text}, its nodes included` : text;
  };
  return {
    header: ['system', 'nodes', 'on disk before the reply', ...columns.map(([, title]) => title)],
    rows: session.systems.map((row) => [
      ...[nameOf(row), String(row.nodes), isSynced(row) ? 'yes' : 'no'],
      ...columns.map(([measure]) => cell(row, measure)),
    ]),
  };
}

const loadOf = (percent: string): string => `adds at ${percent} % of its own rate, `;

const LOADS_NOTE = [
  'Latency of an add in milliseconds at four rates, each a share of the system\'s own "adds, many in flight": p50, p99, and in parentheses',
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
    if (!session.rows.some((row) => row.peer === peer && row.measure.startsWith(loadOf(percent)))) return '–';
    return `${figure('offered')}/s: ${figure('p50')}, ${figure('p99')} (${figure("sender's delay, p50")})`;
  };
  return {
    header: ['system', ...percents.map((percent) => `at ${percent} %`)],
    rows: session.systems.map((row) => [nameOf(row), ...percents.map((percent) => cell(row, percent))]),
  };
}

function notes(session: PeerSession): string[] {
  const { systems, floor, failures, first } = session;
  const made = `${first.session.slice(0, 10)}, commit ${first.commit.slice(0, 7)}, Node.js ${floor?.version ?? 'unknown'}`;
  const bounded = systems.filter((row) => !isOneProcess(row) && (session.clientPercentOf(row.peer) ?? 0) >= CLIENT_BOUND_PERCENT);
  const names = bounded.map(({ peer }) => peer).join(', ');
  return [
    `Medians of ${first.rounds} rounds with their range, 64 B, all in one session (${made});`,
    `one fdatasync took ${floor === undefined ? '–' : formatNumber(floor.value)} ms.`,
    ...(names === '' ? [] : [`Bounded by their client, whose process takes ${CLIENT_BOUND_PERCENT} % of a core or more: ${names}.`]),
    ...new Set(failures.map(({ peer, measure }) => `Failed in a round: ${peer}, ${measure}.`)),
  ];
}

/** Emphasizes this system, and what is not durable. */
function markdown({ header, rows }: Table): string[] {
  const strong = (cell: string): string => (cell === 'jobraft' || cell === 'no' ? `**${cell}**` : cell);
  return [header, header.map(() => '---'), ...rows.map((cells) => cells.map(strong))].map((cells) => `| ${cells.join(' | ')} |`);
}
