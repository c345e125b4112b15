import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMoment, isBusy, type MachineLoad } from './machine-load.ts';

/** A term in which at least one node campaigned. */
export interface Election {
  readonly term: number;
  /** The candidates. */
  readonly nodes: readonly number[];
  /** Time of the first candidacy, in wall-clock milliseconds. */
  readonly atMs: number;
}

/** How long a fault may have effects after its end, including elections: a node restarts, catches up, and ends its work in progress. */
export const AFTERMATH_MS = 5_000;
/** The times of the faults, and the time without faults. */
export class FaultTimes {
  readonly #spans: { fromMs: number; toMs: number }[] = [];

  /** The fault and its aftermath. */
  async during<T>(fault: () => Promise<T>): Promise<T> {
    const span = { fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY };
    this.#spans.push(span);
    try {
      return await fault();
    } finally {
      span.toMs = Date.now() + AFTERMATH_MS;
    }
  }

  has(atMs: number): boolean {
    return this.#spans.some(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs);
  }

  /** The part of the time from `fromMs` to `toMs` that is outside of every fault. */
  freeMs(fromMs: number, toMs: number): number {
    let freeMs = 0;
    let at = fromMs;
    for (const span of this.#spans.toSorted((one, other) => one.fromMs - other.fromMs)) {
      if (span.fromMs > at) freeMs += Math.min(span.fromMs, toMs) - at;
      at = Math.max(at, span.toMs);
      if (at >= toMs) return freeMs;
    }
    return freeMs + toMs - at;
  }
}

/** Elections outside of every fault. */
export interface UnexplainedElections {
  /** Each as a sentence. */
  readonly described: readonly string[];
  /** Those during which the machine was not busy with other work: violations. */
  readonly count: number;
}

export function unexplainedElections(logDir: string, faults: FaultTimes, machine: Pick<MachineLoad, 'before'>): UnexplainedElections {
  const unexplained = electionsIn(logDir).filter(({ atMs }) => !faults.has(atMs));
  const moments = unexplained.map((election) => ({ election, moment: machine.before(election.atMs) }));
  return {
    described: moments.map(({ election: { term, nodes, atMs }, moment }) => {
      const cause = isBusy(moment) ? 'the machine was busy' : 'nothing explains it';
      return `term ${term}, node ${nodes.join(', ')} at ${new Date(atMs).toISOString()}: ${cause}; ${describeMoment(moment)}`;
    }),
    count: moments.filter(({ moment }) => !isBusy(moment)).length,
  };
}

/** In the order of their terms, from the nodes' logs. */
export function electionsIn(logDir: string): Election[] {
  const byTerm = new Map<number, { nodes: Set<number>; atMs: number }>();
  for (const name of readdirSync(logDir)) {
    if (!/^node-\d+\.log$/.test(name)) continue;
    for (const line of readFileSync(join(logDir, name), 'utf8').split('\n')) {
      const candidacy = candidacyIn(line);
      if (candidacy === undefined) continue;
      const known = byTerm.get(candidacy.term) ?? { nodes: new Set(), atMs: candidacy.atMs };
      known.nodes.add(candidacy.node);
      byTerm.set(candidacy.term, { nodes: known.nodes, atMs: Math.min(known.atMs, candidacy.atMs) });
    }
  }
  const elections = [...byTerm].map(([term, { nodes, atMs }]) => ({ term, nodes: [...nodes], atMs }));
  return elections.sort((one, other) => one.term - other.term);
}

/** A node that becomes a candidate raises its term; pre-votes alone change nothing. */
function candidacyIn(line: string): { readonly node: number; readonly term: number; readonly atMs: number } | undefined {
  // Most lines are about other events.
  if (!line.includes('"candidate"')) return undefined;
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    // A line that a kill tore.
    return undefined;
  }
  if (typeof record !== 'object' || record === null) return undefined;
  const { event, role, node, term, time } = record as Readonly<Record<string, unknown>>;
  if (event !== 'role' || role !== 'candidate' || typeof node !== 'number' || typeof term !== 'number') return undefined;
  return { node, term, atMs: Date.parse(String(time)) };
}
