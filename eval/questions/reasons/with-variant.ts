import { Client, Queue } from '../../../src/index.ts';
import type { StepContext } from '../question.ts';
import { VariantCluster } from './variant-cluster.ts';
import type { Variant } from './variants.ts';

/** So that a write of the whole log, which takes longer and longer, costs no election for as long as possible. */
const ELECTION_TIMEOUT_MS = 1000;
/** Where each add is a commit, the last of 4,000 in flight waits for all of them. */
const DEADLINE_MS = 120_000;

export interface VariantQueues {
  readonly cluster: VariantCluster;
  /** One for each client; at least one. */
  readonly queues: readonly [Queue, ...Queue[]];
}

/**
 * A fresh cluster of the variant with a leader, which has acknowledged one add; closed afterwards in any case, and as soon as the signal
 * aborts.
 * @returns undefined if it was aborted. @throws the error of a node.
 */
export async function withVariant<T>(
  { storage, limits, client }: Variant,
  { config, dataDir, seed, signal }: StepContext,
  clients: number,
  use: (queues: VariantQueues) => Promise<T>,
): Promise<T | undefined> {
  const raft = { ...config.raft, electionTimeoutMs: Math.max(ELECTION_TIMEOUT_MS, config.raft.electionTimeoutMs) };
  await using cluster = new VariantCluster({ storage, raft, limits: { ...config.limits, ...limits }, dataDir, seed });
  const connections = Array.from({ length: clients }, () => new Client(cluster, { deadlineMs: DEADLINE_MS, ...client }));
  const [first, ...others] = connections.map((connection) => new Queue('bench', { connection }));
  if (first === undefined) throw new Error('A cluster without a client cannot be measured.');
  const close = (): void => void cluster[Symbol.asyncDispose]();
  signal.addEventListener('abort', close);
  try {
    await first.add('message', new Uint8Array(1));
    return await use({ cluster, queues: [first, ...others] });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw cluster.failure ?? error;
  } finally {
    signal.removeEventListener('abort', close);
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** Elections beyond the first one. */
export async function laterElections(cluster: VariantCluster): Promise<number> {
  const counters = await cluster.counters();
  return Math.max(0, counters.reduce((total, { elections }) => total + elections, 0) - 1);
}
