import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { formatNumber } from '../measuring/format.ts';

/** The columns of peers.csv that are shown. */
const rowSchema = z.object({
  session: z.string(),
  peer: z.string(),
  version: z.string(),
  nodes: z.coerce.number(),
  durability: z.string(),
  measure: z.string(),
  unit: z.string(),
  value: z.coerce.number(),
  low: z.coerce.number(),
  high: z.coerce.number(),
  rounds: z.coerce.number(),
  commit: z.string(),
  valid: z.string(),
});
type Row = z.infer<typeof rowSchema>;

const CLIENT_MEASURE = "processor of the client's process while adding";

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
const FLOOR_MEASURE = 'floor: fdatasync, 4 KiB';

/** Whether an acknowledged add was synced to disk, by the sentence about the system's durability. */
const isSynced = ({ durability }: Row): boolean => durability.includes('has it on disk');

/** Whether the nodes are in the process of the client, by the same sentence. */
const isOneProcess = ({ durability }: Row): boolean => durability.includes('threads of one process');

const nameOf = ({ peer, version }: Row): string => (peer === 'jobraft' ? '**jobraft**' : `${peer} ${version}`.trim());

/** Rows of one session that are valid. */
class Session {
  readonly rows: readonly Row[];
  /** One row of each system: durable systems first, and those with more nodes before others. */
  readonly systems: readonly Row[];
  readonly floor: Row | undefined;

  constructor(rows: readonly Row[]) {
    this.rows = rows;
    this.floor = rows.find(({ measure }) => measure === FLOOR_MEASURE);
    const rankOf = (row: Row): number => (isSynced(row) ? 0 : 100) - row.nodes;
    const systems = new Map(rows.filter(({ measure }) => measure !== FLOOR_MEASURE).map((row) => [row.peer, row]));
    this.systems = [...systems.values()].sort((a, b) => rankOf(a) - rankOf(b));
  }

  find(peer: string, measure: string): Row | undefined {
    return this.rows.find((row) => row.peer === peer && row.measure === measure);
  }

  has(measure: string): boolean {
    return this.rows.some((row) => row.measure === measure);
  }
}

/**
 * The last session of a peers.csv as Markdown: a table of all measures, a table of latency at four rates, and notes. Durable systems are
 * first. What the session did not measure has no column and no table.
 */
export function peersSection(csv: string): string {
  const records: unknown[] = parse(csv, { columns: true });
  const all = records.map((record) => rowSchema.parse(record));
  const last = all.findLast(({ valid }) => valid === 'true')?.session;
  const rows = all.filter((row) => row.session === last);
  const session = new Session(rows.filter(({ valid }) => valid === 'true'));
  const failures = rows.filter(({ valid }) => valid !== 'true');
  return [...measuresTable(session), ...loadsTable(session), '', ...notes(session, failures)].join('\n');
}

function measuresTable(session: Session): string[] {
  const columns = COLUMNS.filter(([measure]) => session.has(measure));
  const cell = (system: Row, measure: string): string => {
    const found = session.find(system.peer, measure);
    if (found === undefined) return '–';
    const text = `${formatNumber(found.value)} (${formatNumber(found.low)}–${formatNumber(found.high)})`;
    return measure === CLIENT_MEASURE && isOneProcess(system) ? `${text}, its nodes included` : text;
  };
  return table(
    ['system', 'nodes', 'on disk before the reply', ...columns.map(([, title]) => title)],
    session.systems.map((row) => [
      ...[nameOf(row), String(row.nodes), isSynced(row) ? 'yes' : '**no**'],
      ...columns.map(([measure]) => cell(row, measure)),
    ]),
  );
}

const loadOf = (percent: string): string => `adds at ${percent} % of its own rate, `;

/** Each rate is a part of the system's own rate, since no rate suits all systems. Empty for a session without such measures. */
function loadsTable(session: Session): string[] {
  const found = session.rows.flatMap(({ measure }) => LOAD_MEASURE.exec(measure)?.groups?.percent ?? []);
  const percents = [...new Set(found)].sort((a, b) => Number(a) - Number(b));
  if (percents.length === 0) return [];
  const cell = ({ peer }: Row, percent: string): string => {
    const figure = (name: string): string => {
      const value = session.find(peer, `${loadOf(percent)}${name}`)?.value;
      return value === undefined ? '–' : formatNumber(value);
    };
    if (!session.rows.some((row) => row.peer === peer && row.measure.startsWith(loadOf(percent)))) return '–';
    return `${figure('offered')}/s: ${figure('p50')}, ${figure('p99')} (${figure("sender's delay, p50")})`;
  };
  return [
    '',
    'Latency of an add in milliseconds at four rates, each a share of the system\'s own "adds, many in flight": p50, p99, and in parentheses',
    'how late the sender was (p50), which both include. Open loop, Poisson arrivals, timed from the intended start.',
    '',
    ...table(
      ['system', ...percents.map((percent) => `at ${percent} %`)],
      session.systems.map((row) => [nameOf(row), ...percents.map((percent) => cell(row, percent))]),
    ),
  ];
}

function notes(session: Session, failures: readonly Row[]): string[] {
  const { rows, systems, floor } = session;
  const [first] = rows;
  // The machine's own row names the Node.js of jobraft and all clients.
  const made = `${first?.session.slice(0, 10)}, commit ${first?.commit.slice(0, 7)}, Node.js ${floor?.version ?? 'unknown'}`;
  const bounded = systems.filter(
    (row) => !isOneProcess(row) && (session.find(row.peer, CLIENT_MEASURE)?.value ?? 0) >= CLIENT_BOUND_PERCENT,
  );
  const names = bounded.map(({ peer }) => peer).join(', ');
  return [
    `Medians of ${first?.rounds ?? 0} rounds with their range, 64 B, all in one session (${made});`,
    `one fdatasync took ${floor === undefined ? '–' : formatNumber(floor.value)} ms.`,
    ...(names === '' ? [] : [`Bounded by their client, whose process takes ${CLIENT_BOUND_PERCENT} % of a core or more: ${names}.`]),
    ...failures.map(({ peer, measure }) => `Failed in a round: ${peer}, ${measure}.`),
  ];
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}
