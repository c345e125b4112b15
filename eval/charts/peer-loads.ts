import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import type { ResultsFolder } from '../measuring/results-folder.ts';

/** Latency of another system's adds at one rate. */
export interface PeerLoad {
  readonly peer: string;
  readonly offeredPerSecond: number;
  readonly p50Ms: PeerLatency | undefined;
  readonly p99Ms: PeerLatency | undefined;
}

/** Median of the rounds, and their range. */
export interface PeerLatency {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What figures have to share to be in one chart. */
export interface PeerConditions {
  readonly environment: string;
  readonly nodes: number;
}

const rowSchema = z.object({
  session: z.string(),
  peer: z.string(),
  nodes: z.coerce.number(),
  durability: z.string(),
  measure: z.string(),
  value: z.coerce.number(),
  low: z.coerce.number(),
  high: z.coerce.number(),
  environment: z.string(),
  valid: z.string(),
});
type Row = z.infer<typeof rowSchema>;

const LOAD_MEASURE = /^adds at (?<percent>\d+) % of its own rate, (?<figure>offered|p50|p99)$/;

/**
 * The open loop of the last session of peers.csv, by system, ascending by rate: of those systems that were measured on the same machine
 * with as many nodes, and reply when a majority has the add on disk. Empty where that was not measured.
 */
export function readPeerLoads({ peersFile }: ResultsFolder, { environment, nodes }: PeerConditions): readonly PeerLoad[] {
  if (!existsSync(peersFile)) return [];
  const records: unknown[] = parse(readFileSync(peersFile, 'utf8'), { columns: true });
  const all = records.map((record) => rowSchema.parse(record)).filter(({ valid }) => valid === 'true');
  const last = all.at(-1)?.session;
  const rows = all.filter(
    (row) => row.session === last && row.environment === environment && row.nodes === nodes && row.durability.includes('has it on disk'),
  );
  return [...Map.groupBy(rows, ({ peer }) => peer)].flatMap(([peer, of]) => loadsOf(peer, of));
}

function loadsOf(peer: string, rows: readonly Row[]): PeerLoad[] {
  const figures = rows.flatMap((row) => {
    const { percent = '', figure } = LOAD_MEASURE.exec(row.measure)?.groups ?? {};
    return figure === undefined ? [] : [{ percent, figure, row }];
  });
  const loads = [...Map.groupBy(figures, ({ percent }) => percent).values()].flatMap((of): PeerLoad[] => {
    const find = (name: string): Row | undefined => of.find(({ figure }) => figure === name)?.row;
    const offered = find('offered');
    return offered === undefined ? [] : [{ peer, offeredPerSecond: offered.value, p50Ms: find('p50'), p99Ms: find('p99') }];
  });
  return loads.sort((a, b) => a.offeredPerSecond - b.offeredPerSecond);
}
