import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A line of a node's log. */
export interface LogLine {
  readonly node: number;
  readonly event: string;
  /** In milliseconds since 1970. */
  readonly atMs: number;
  readonly text: string;
  readonly term: number | undefined;
  readonly role: string | undefined;
}

/** @param contains only lines with one of these texts are parsed: most are about messages. */
export function readLogs(folder: string, contains: readonly string[]): LogLine[] {
  return readdirSync(folder).flatMap((name) => parseLog(readFileSync(join(folder, name), 'utf8'), contains));
}

export function parseLog(text: string, contains: readonly string[]): LogLine[] {
  const lines: LogLine[] = [];
  for (const line of text.split('\n')) {
    if (!contains.some((each) => line.includes(each))) continue;
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      // A line that a kill tore.
      continue;
    }
    if (typeof record !== 'object' || record === null) continue;
    const { node, event, time, msg, term, role } = record as Readonly<Record<string, unknown>>;
    lines.push({
      ...{ node: Number(node), event: String(event), atMs: Date.parse(String(time)), text: String(msg) },
      term: typeof term === 'number' ? term : undefined,
      role: typeof role === 'string' ? role : undefined,
    });
  }
  return lines;
}

/** @returns a line for each term in which several nodes led. */
export function leaderViolations(lines: readonly LogLine[]): string[] {
  const leaders = new Map<number, Set<number>>();
  for (const { event, role, node, term } of lines) {
    if (event !== 'role' || role !== 'leader' || term === undefined) continue;
    leaders.set(term, (leaders.get(term) ?? new Set()).add(node));
  }
  return [...leaders].flatMap(([term, nodes]) => (nodes.size > 1 ? [`Nodes ${[...nodes].join(', ')} all led in term ${term}.`] : []));
}

/** The lines of an election, in the words of the system that this one is compared with, for the leader of `term`. */
export const electionTexts = (leader: number, others: readonly number[]): string[] => [
  `Node ${leader} timed out, starting election`,
  ...others.map((other) => `Node ${leader} sends RPC RequestVote to Node ${other}`),
  `Node ${leader} becomes leader`,
  ...others.map((other) => `Node ${leader} sends RPC AppendEntries to Node ${other}`),
];
