import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster, ClusterEndpoint, ClusterOptions, LogEntryView, NodeStatus } from 'jobraft';
import { Client, Queue, startCluster } from 'jobraft';
import { until } from '../../eval/soak/until.ts';

const EVENTUALLY_MS = 60_000;
/** The deadline of calls that succeed: no call takes as long, also on a busy machine. */
export const PATIENT_MS = 60_000;

/** Calls `ask` again until its result is not undefined or false; the last error explains a failure. */
export const eventually = <T>(what: string, ask: () => Promise<T | undefined | false>, withinMs = EVENTUALLY_MS): Promise<T> =>
  until(what, withinMs, ask);

export interface Scene extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly queue: Queue;
  readonly dataDir: string;
}

/** A folder that is removed at the end of the test. */
export function aFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'jobraft-scenario-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A cluster with files of its own, a client and a queue; all removed at the end of the test. */
export async function aCluster(options: Partial<ClusterOptions> = {}): Promise<Scene> {
  const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-scenario-'));
  const cluster = await startCluster({ nodes: 3, dataDir, ...options });
  const client = new Client(cluster, { deadlineMs: PATIENT_MS });
  const queue = new Queue('work', { connection: client });
  return {
    cluster,
    client,
    queue,
    dataDir,
    [Symbol.asyncDispose]: async () => {
      await queue.close();
      await client.close();
      await cluster.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** A client that knows only one node. @param deadlineMs short only where its calls are to fail. */
export function clientOf(cluster: Cluster, node: number, deadlineMs = PATIENT_MS): Client {
  // A node names its leader, to which the client would connect.
  const openChannel: ClusterEndpoint['openChannel'] = (id, handlers) => (id === node ? cluster.openChannel(id, handlers) : undefined);
  const endpoint: ClusterEndpoint = { nodeIds: () => [node], openChannel };
  return new Client(endpoint, { deadlineMs });
}

export async function statuses(cluster: Cluster): Promise<NodeStatus[]> {
  const running = cluster.nodeIds().filter((node) => cluster.isRunning(node));
  return Promise.all(running.map((node) => cluster.status(node)));
}

/** One leader, and every running node follows it in its term. */
export async function settledLeader(cluster: Cluster): Promise<number> {
  return eventually('every running node follows one leader', async () => {
    const all = await statuses(cluster);
    const leaders = all.filter((status) => status.state === 'leader');
    const [leader] = leaders;
    if (leaders.length !== 1 || leader === undefined) return undefined;
    return all.every((status) => status.leaderId === leader.node && status.term === leader.term) ? leader.node : undefined;
  });
}

/** A leader among `nodes` in a term after `term`. */
export async function leaderAmong(cluster: Cluster, nodes: readonly number[], term = 0): Promise<NodeStatus> {
  return eventually(`one of ${nodes.join(', ')} leads a term after ${term}`, async () => {
    const all = await Promise.all(nodes.map((node) => cluster.status(node)));
    return all.find((status) => status.state === 'leader' && status.term > term);
  });
}

/** Every running node has applied the same entries to the same state. */
export async function converged(cluster: Cluster): Promise<void> {
  await eventually('all replicas agree', async () => {
    const states = await cluster.replicaStates();
    const running = cluster.nodeIds().filter((node) => cluster.isRunning(node));
    const [first] = states;
    return (
      first !== undefined &&
      states.length === running.length &&
      states.every((state) => state.applied === first.applied && state.digest === first.digest)
    );
  });
}

/** Index, term and bytes of what a node's log holds, as comparable text. */
export const logText = (entries: readonly LogEntryView[]): string[] =>
  entries.map((entry) => `${entry.index}/${entry.term} ${entry.kind} ${Buffer.from(entry.data).toString('hex')}`);

/** Log Matching on every pair: where two logs overlap, they are equal. */
export async function checkLogsEqual(cluster: Cluster): Promise<void> {
  await eventually('all logs are equal', async () => {
    const running = cluster.nodeIds().filter((node) => cluster.isRunning(node));
    const logs = await Promise.all(running.map(async (node) => logText(await cluster.log(node)).join('\n')));
    return logs.every((log) => log !== '' && log === logs[0]);
  });
}

export const others = (cluster: Cluster, ...nodes: readonly number[]): number[] =>
  cluster.nodeIds().filter((node) => !nodes.includes(node));
