import { Argument, Option } from 'commander';
import type { CliCommand, Invocation } from '../command.ts';
import { type CliCluster, type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { UsageError } from '../exit-codes.ts';
import { wholeNumber } from '../values.ts';

/** How many entries are shown without `--from`. */
const LAST_ENTRIES = 20;
/** Entries come with their data: a page of them is some megabytes at most in general. */
const PAGE_ENTRIES = 32;
/** The widths of a table's columns are known once all of its rows are. */
const TABLE_ENTRIES_MAX = 10_000;

interface LogOptions extends ConnectionOptions {
  readonly from?: number;
  readonly to?: number;
}

/** An entry of a node's log, without its data. */
interface EntryRow {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  readonly bytes: number;
}

export const log: CliCommand = {
  name: 'log',
  group: 'Cluster',
  summary: `Shows the entries of a node's Raft log: the last ${LAST_ENTRIES}, or a range.`,
  arguments: [new Argument('<node>', 'the id of the node').argParser(wholeNumber(1))],
  options: [
    ...connectionOptions(),
    new Option('--from <index>', 'the first entry').argParser(wholeNumber(1)),
    new Option('--to <index>', 'the last entry').argParser(wholeNumber(1)),
  ],
  json: 'lines',
  examples: ['jobraft log 1 --data-dir ./data', 'jobraft log 1 --from 100 --to 200 --data-dir ./data'],
  async run(invocation: Invocation<readonly [node: number], LogOptions>) {
    const { args, options, output, isJson } = invocation;
    const [node] = args;
    await withCluster(invocation, async ({ cluster }) => {
      const { firstIndex, lastIndex } = await cluster.status(node);
      const { from, to } = rangeOf(options, firstIndex, lastIndex);
      if (isJson) {
        for await (const entry of entriesOf(cluster, node, from, to)) output.record(entry);
        return;
      }
      if (to - from >= TABLE_ENTRIES_MAX)
        throw new UsageError(
          `These are ${to - from + 1} entries, and a table has at most ${TABLE_ENTRIES_MAX}. Name a shorter range, or use --json.`,
        );
      const rows: string[][] = [];
      for await (const { index, term, kind, bytes } of entriesOf(cluster, node, from, to))
        rows.push([String(index), String(term), kind, String(bytes)]);
      output.table(['Index', 'Term', 'Kind', 'Bytes'], rows);
      output.note(
        lastIndex < firstIndex
          ? `The log of node ${node} is empty: a checkpoint covers all entries to ${lastIndex}.`
          : `The log of node ${node} has the entries ${firstIndex} to ${lastIndex}${firstIndex === 1 ? '' : '; a checkpoint covers those before'}.`,
      );
    });
  },
};

/** @param last the last entry of the log. @throws {UsageError} for an empty range. */
export function rangeOf({ from, to }: Pick<LogOptions, 'from' | 'to'>, first: number, last: number): { from: number; to: number } {
  if (from !== undefined && to !== undefined && from > to) throw new UsageError(`--from ${from} is after --to ${to}. Exchange them.`);
  const end = Math.min(to ?? last, last);
  return { from: Math.max(from ?? end - LAST_ENTRIES + 1, first), to: end };
}

/** In pages. Entries that are compacted meanwhile are left out. */
async function* entriesOf(cluster: CliCluster, node: number, from: number, to: number): AsyncGenerator<EntryRow> {
  for (let first = from; first <= to; ) {
    const last = Math.min(to, first + PAGE_ENTRIES - 1);
    const page = await cluster.log(node, first, last);
    // A page of large entries ends before.
    first = (page.at(-1)?.index ?? last) + 1;
    for (const { index, term, kind, data } of page) yield { index, term, kind, bytes: data.length };
  }
}
