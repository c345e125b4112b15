import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClusterEndpoint, type NodeStatus, Queue, type SharedCluster } from '../../src/index.ts';
import { NODES, QUEUE_NAME } from './messages.ts';
import { until, WAIT_MS_MAX } from './processes.ts';
import { type Replica, type RunFacts, replicaViolations } from './verdict.ts';

const POLL_MS = 100;

type Inspected = ClusterEndpoint & { status(node: number): Promise<NodeStatus> };

async function withQueue<T>(endpoint: ClusterEndpoint, use: (queue: Queue) => Promise<T>): Promise<T> {
  await using client = new Client(endpoint, { deadlineMs: WAIT_MS_MAX });
  await using queue = new Queue(QUEUE_NAME, { connection: client });
  return await use(queue);
}

/** Waits until all jobs are completed. @throws if that takes too long. */
export async function drained(cluster: ClusterEndpoint): Promise<void> {
  await withQueue(cluster, (queue) =>
    until('all jobs are completed', async () => {
      const { waiting, active, delayed } = await queue.getJobCounts();
      return waiting + active + delayed === 0;
    }),
  );
}

/** The jobs that there are, and the replicas once they are equal, or as they are after the longest wait. */
export async function finalState(
  cluster: ClusterEndpoint,
  replicas: () => Promise<Replica[]>,
): Promise<Pick<RunFacts, 'states' | 'replicas' | 'nodes'>> {
  const jobs = await withQueue(cluster, (queue) => queue.getJobs());
  const untilMs = performance.now() + WAIT_MS_MAX;
  let seen = await replicas();
  while (replicaViolations(seen, NODES).length > 0 && performance.now() < untilMs) {
    await sleep(POLL_MS);
    seen = await replicas();
  }
  return { states: new Map(jobs.map(({ id, state }) => [id, state ?? 'unknown'])), replicas: seen, nodes: NODES };
}

/** Each node's jobs, by a read of its own replica. */
export async function replicasOfProcesses(cluster: Inspected): Promise<Replica[]> {
  return await Promise.all(
    cluster.nodeIds().map(async (node) => {
      const openChannel: ClusterEndpoint['openChannel'] = (id, handlers) => (id === node ? cluster.openChannel(id, handlers) : undefined);
      const jobs = await withQueue({ nodeIds: () => [node], openChannel }, (queue) => queue.getJobs([], { consistency: 'stale' }));
      const contents = jobs.map(({ id, state, data, attemptsMade, returnvalue, finishedOn }) =>
        JSON.stringify([id, state, data, attemptsMade, returnvalue, finishedOn]),
      );
      const content = createHash('sha256').update(contents.toSorted().join('\n')).digest('hex');
      return { ...(await cluster.status(node)), content };
    }),
  );
}

/** Each node's state, by its digest. */
export async function replicasOfFolder(cluster: SharedCluster): Promise<Replica[]> {
  const states = await cluster.replicaStates();
  return await Promise.all(
    states.map(async ({ node, applied, digest }) => ({ ...(await cluster.status(node)), applied, content: digest })),
  );
}
