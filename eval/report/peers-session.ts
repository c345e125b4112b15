import { parse } from 'csv-parse/sync';
import { z } from 'zod';

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
  settings: z.string().default(''),
  reason: z.string().default(''),
});
export type PeerRow = z.infer<typeof rowSchema>;

export const CLIENT_MEASURE = "processor of the client's process while adding";
const FLOOR_MEASURE = 'floor: fdatasync, 4 KiB';

/** Whether an acknowledged add was synced to disk, by the sentence about the system's durability. */
export const isSynced = ({ durability }: PeerRow): boolean => durability.includes('has it on disk');

/** Whether the nodes are in the process of the client, by the sentence about the system's durability. */
export const isOneProcess = ({ durability }: PeerRow): boolean => durability.includes('threads of one process');

/** This system: its nodes as threads beside the client, as processes, and as threads of another process that shares a folder. */
export const OWN_SYSTEM = 'jobraft';
export const OWN_PROCESSES = 'jobraft as processes';
export const OWN_FOLDER = 'jobraft on a shared folder';
const OWN_SYSTEMS: readonly string[] = [OWN_SYSTEM, OWN_PROCESSES, OWN_FOLDER];
export const isOwn = (peer: string): boolean => OWN_SYSTEMS.includes(peer);

/** Without the parts and the version of another system. */
export const shortName = ({ peer }: PeerRow): string => (isOwn(peer) ? peer : (peer.split(' ')[0] ?? peer));

/** Rounds of a valid row whose rate did not become steady. */
export const notSteadyOf = ({ reason }: PeerRow): number => Number(/^(?<rounds>\d+) not steady$/.exec(reason)?.groups?.rounds ?? 0);

/** The last session of a peers.csv. */
export class PeerSession {
  /** Valid ones. */
  readonly rows: readonly PeerRow[];
  /** One row of each system: durable systems first, and those with more nodes before others. */
  readonly systems: readonly PeerRow[];
  /** The machine's own row, which names the Node.js of jobraft and of all clients. */
  readonly floor: PeerRow | undefined;
  readonly first: PeerRow;
  /** A row for each round in which a measurement failed. */
  readonly #failures: readonly PeerRow[];

  constructor(first: PeerRow, rows: readonly PeerRow[]) {
    this.first = first;
    this.rows = rows.filter(({ valid }) => valid === 'true');
    this.#failures = rows.filter(({ valid }) => valid !== 'true');
    this.floor = this.rows.find(({ measure }) => measure === FLOOR_MEASURE);
    const rankOf = (row: PeerRow): number => (isSynced(row) ? 0 : 100) - row.nodes;
    const systems = new Map(this.rows.filter(({ measure }) => measure !== FLOOR_MEASURE).map((row) => [row.peer, row]));
    this.systems = [...systems.values()].sort((a, b) => rankOf(a) - rankOf(b));
  }

  find(peer: string, measure: string): PeerRow | undefined {
    return this.rows.find((row) => row.peer === peer && row.measure === measure);
  }

  has(measure: string): boolean {
    return this.rows.some((row) => row.measure === measure);
  }

  /** What failed, with the number of rounds and the last reason without its final full stop. */
  get failed(): readonly { readonly peer: string; readonly measure: string; readonly rounds: number; readonly reason: string }[] {
    return [...Map.groupBy(this.#failures, ({ peer, measure }) => `${peer}, ${measure}`).values()].flatMap((of) => {
      const last = of.at(-1);
      return last === undefined
        ? []
        : [{ peer: last.peer, measure: last.measure, rounds: of.length, reason: last.reason.replace(/\.$/, '') }];
    });
  }

  /** @param measure the name of a measurement, or of one of its figures. */
  hasFailed(peer: string, measure: string): boolean {
    return this.#failures.some((row) => row.peer === peer && (row.measure === measure || measure.startsWith(`${row.measure},`)));
  }

  /** Processor time of the client's process while it adds, in percent of one processor. */
  clientPercentOf(peer: string): number | undefined {
    return this.find(peer, CLIENT_MEASURE)?.value;
  }
}

/** `undefined` for a file without a valid row. */
export function readPeers(csv: string): PeerSession | undefined {
  const records: unknown[] = parse(csv, { columns: true });
  const all = records.map((record) => rowSchema.parse(record));
  const last = all.findLast(({ valid }) => valid === 'true')?.session;
  const rows = all.filter((row) => row.session === last);
  const [first] = rows;
  return first === undefined ? undefined : new PeerSession(first, rows);
}
