import { type Cluster, JobraftError, Queue } from '../../src/index.ts';
import { passMs } from './processing.ts';
import { until } from './until.ts';

/** A checkpoint's generation is in `cluster.json` after 5 seconds (docs/operations.md, "Files"). */
const ON_RECORD_MS = 6_000;

/** Waits until every node runs, has all entries committed before the call, and is a voter, and no change of members is in progress. */
export async function settle(cluster: Cluster, timeoutMs: number): Promise<string> {
  let committed: number | undefined;
  await until('every node runs and has everything', timeoutMs, async () => {
    const nodes = cluster.nodeIds();
    committed ??= (await cluster.status(await cluster.waitForLeader(timeoutMs))).commit;
    const least = committed;
    if (!nodes.every((node) => cluster.isRunning(node))) return false;
    const { voters, learners, joining, leaving, isSettled } = await cluster.members();
    if (!isSettled || learners.length + joining.length + leaving.length > 0 || voters.length !== nodes.length) return false;
    const statuses = await Promise.all(nodes.map((node) => cluster.status(node)));
    return statuses.every(({ applied }) => applied >= least);
  });
  return `every node has the log up to entry ${committed ?? 0}`;
}

/** Waits for a recorded checkpoint: from then on an older copy of the node's file is detected, also after a SIGKILL. */
export async function checkpointed(cluster: Cluster, node: number, timeoutMs: number): Promise<string> {
  const checkpoints = async (): Promise<number | undefined> => (await cluster.metrics()).find((one) => one.node === node)?.checkpoints;
  const before = await until(`node ${node} replies`, timeoutMs, checkpoints);
  await until(`node ${node} writes a checkpoint`, timeoutMs, async () => ((await checkpoints()) ?? 0) > before);
  await passMs(ON_RECORD_MS);
  return `node ${node} wrote a checkpoint`;
}

/** No worker claims these jobs, and no checker reads them. */
const PROBE_QUEUE = 'probe';

/** Waits until calls are rejected with QUORUM_LOST because the disk is full. */
export async function quorumLost(cluster: Cluster, timeoutMs: number): Promise<string> {
  const queue = new Queue<string>(PROBE_QUEUE, { connection: cluster });
  try {
    return await until('an add is rejected with QUORUM_LOST since the disk is full', timeoutMs, async () => {
      const error: unknown = await queue.add('probe', '').catch((reason: unknown) => reason);
      if (!(error instanceof JobraftError) || error.code !== 'QUORUM_LOST') return undefined;
      const { cause } = error;
      return cause instanceof JobraftError && cause.code === 'STORAGE_FULL' ? 'adds are rejected with QUORUM_LOST' : undefined;
    });
  } finally {
    await queue.close();
  }
}

export async function startStopped(cluster: Cluster, timeoutMs: number): Promise<string> {
  const started = new Set<number>();
  await until('every node runs', timeoutMs, async () => {
    const stopped = cluster.nodeIds().filter((node) => !cluster.isRunning(node));
    for (const node of stopped) {
      await cluster.restart(node);
      started.add(node);
    }
    return stopped.length === 0;
  });
  return `started nodes ${[...started].join(', ')}`;
}
