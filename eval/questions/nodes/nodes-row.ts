import { z } from 'zod';
import { count, optionalNumber } from '../cells.ts';

export const nodesRow = z.object({
  /** A real cluster, or one in the simulator, where nothing takes time and everything is counted. */
  subject: z.enum(['cluster', 'simulator']),
  nodes: count,
  /** Adds in flight; 1: each is sent when the one before is acknowledged. */
  in_flight: count,
  adds_per_s: optionalNumber,
  /** From sending to acknowledgement. */
  p50_ms: optionalNumber,
  p99_ms: optionalNumber,
  /** Between nodes, for each committed add; heartbeats of that time included. */
  messages_per_add: optionalNumber,
  /** Transactions of all nodes for each committed add; each is one fsync. */
  syncs_per_add: optionalNumber,
  /** 1 if the rate became steady, also where no rate is measured. */
  is_steady: count,
});
export type NodesRow = z.infer<typeof nodesRow>;

export const ADD_BYTES = 64;
export const IN_FLIGHT_MAX = 4000;

/** Messages between nodes, and transactions, of all nodes so far. */
export interface Totals {
  readonly messages: number;
  readonly syncs: number;
}

export function totalsOf(nodes: Iterable<{ readonly rpcSent: Readonly<Record<string, number>>; readonly persists: number }>): Totals {
  let [messages, syncs] = [0, 0];
  for (const { rpcSent, persists } of nodes) {
    for (const sent of Object.values(rpcSent)) messages += sent;
    syncs += persists;
  }
  return { messages, syncs };
}

/** The increase for each add; `null` if nothing was measured. */
export function costsOf(
  samples: { readonly before: Totals; readonly after: Totals } | undefined,
  adds: number,
): Pick<NodesRow, 'messages_per_add' | 'syncs_per_add'> {
  if (samples === undefined || !(adds > 0)) return { messages_per_add: null, syncs_per_add: null };
  const { before, after } = samples;
  return { messages_per_add: (after.messages - before.messages) / adds, syncs_per_add: (after.syncs - before.syncs) / adds };
}
