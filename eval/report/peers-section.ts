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

const COLUMNS: readonly (readonly [measure: string, title: string])[] = [
  ['add, one at a time, p50', 'one add at a time, p50 (ms)'],
  ['add, 64 B, many in flight', 'adds, many in flight (1/s)'],
  ['add, claim, complete', 'add, claim, complete (1/s)'],
  ['leader killed: last to next acknowledged add', 'gap after the leader is killed (ms)'],
];
const FLOOR_MEASURE = 'floor: fdatasync, 4 KiB';

/** Whether an acknowledged add was synced to disk, by the sentence about the system's durability. */
const isSynced = ({ durability }: Row): boolean => durability.includes('has it on disk');

/** The last session of a peers.csv as Markdown: durable systems first, and the others below them. */
export function peersSection(csv: string): string {
  const records: unknown[] = parse(csv, { columns: true });
  const all = records.map((record) => rowSchema.parse(record)).filter(({ valid }) => valid === 'true');
  const session = all.at(-1)?.session;
  const rows = all.filter((row) => row.session === session);
  const systems = [...new Map(rows.filter(({ measure }) => measure !== FLOOR_MEASURE).map((row) => [row.peer, row])).values()];
  const rankOf = (row: Row): number => (isSynced(row) ? 0 : 100) - row.nodes;
  systems.sort((a, b) => rankOf(a) - rankOf(b));
  const floor = rows.find(({ measure }) => measure === FLOOR_MEASURE);
  const cell = (peer: string, wanted: string): string => {
    const found = rows.find((row) => row.peer === peer && row.measure === wanted);
    return found === undefined ? '–' : `${formatNumber(found.value)} (${formatNumber(found.low)}–${formatNumber(found.high)})`;
  };
  const lines = systems.map((row) =>
    [row.peer === 'jobraft' ? '**jobraft**' : `${row.peer} ${row.version}`.trim(), row.nodes, isSynced(row) ? 'yes' : '**no**']
      .concat(COLUMNS.map(([measure]) => cell(row.peer, measure)))
      .join(' | '),
  );
  const titles = ['system', 'nodes', 'on disk before the reply', ...COLUMNS.map(([, title]) => title)];
  const [first] = rows;
  // The machine's own row names the Node.js of jobraft and all clients.
  const made = `${session?.slice(0, 10)}, commit ${first?.commit.slice(0, 7)}, Node.js ${floor?.version ?? 'unknown'}`;
  return [
    `| ${titles.join(' | ')} |`,
    `| ${titles.map(() => '---').join(' | ')} |`,
    ...lines.map((line) => `| ${line} |`),
    '',
    `Medians of ${first?.rounds ?? 0} rounds with their range, 64 B, all in one session (${made});`,
    `one fdatasync took ${floor === undefined ? '–' : formatNumber(floor.value)} ms.`,
  ].join('\n');
}
