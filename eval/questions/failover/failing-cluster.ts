import { type Cluster, openCluster, type SharedCluster } from '../../../src/index.ts';
import { faultsOf } from '../../../src/testing/index.ts';
import { withCluster } from '../../bench/bench-cluster.ts';
import type { BridgedCluster } from '../../load/cluster-bridge.ts';
import { NodeProcesses } from '../../processes/node-processes.ts';
import { ProcessCluster } from '../../processes/process-cluster.ts';
import { TaskProcess } from '../../processes/task-process.ts';
import type { StepContext } from '../question.ts';
import type { LeaderFault, NodesAs } from './failover-row.ts';

/** Longer than any outage should be: otherwise the repair could end it instead of an election. */
export const REPAIRED_AFTER_MS = 1500;

/** A cluster whose leader fails. */
export interface FailingCluster {
  readonly cluster: BridgedCluster & Pick<Cluster, 'status' | 'waitForLeader'>;
  /** Resolves when the fault is in effect. */
  begin(fault: LeaderFault, leader: number): Promise<void>;
  repair(fault: LeaderFault, leader: number): Promise<void>;
  /** Whether another leader is known to the nodes that go on; without this function there is none before the repair. */
  readonly isReplaced?: (leader: number) => Promise<boolean>;
}

/** A new cluster with a leader, closed afterwards in any case. */
export const withFailingCluster = <T>(
  nodesAs: NodesAs,
  fault: LeaderFault,
  context: StepContext,
  use: (failing: FailingCluster) => Promise<T>,
): Promise<T> => {
  if (nodesAs === 'threads') return withThreads(context, use);
  return nodesAs === 'processes' ? withProcesses(fault, context, use) : withSharedFolder(fault, context, use);
};

const withThreads = <T>(context: StepContext, use: (failing: FailingCluster) => Promise<T>): Promise<T> =>
  withCluster({ ...context, medianOf: () => undefined }, (cluster) => use(failingThreads(cluster)));

/** As a node that goes on reports it. */
const isReplacedIn =
  (cluster: FailingCluster['cluster']) =>
  async (leader: number): Promise<boolean> => {
    const survivor = cluster.nodeIds().find((node) => node !== leader) ?? leader;
    const { leaderId } = await cluster.status(survivor);
    return leaderId !== null && leaderId !== leader;
  };

function failingThreads(cluster: Cluster): FailingCluster {
  return {
    cluster,
    isReplaced: isReplacedIn(cluster),
    async begin(fault, leader) {
      // The leader's thread ends at an arbitrary point.
      if (fault === 'killed') await faultsOf(cluster).kill(leader);
      // Its whole thread is blocked, its channels stay open; it goes on by itself.
      else if (fault === 'paused') await faultsOf(cluster).pause(leader, REPAIRED_AFTER_MS);
      // It is cut off from its peers, but not from its clients.
      else await faultsOf(cluster).isolate(leader);
    },
    async repair(fault, leader) {
      if (fault === 'killed') await cluster.restart(leader);
      else if (fault === 'isolated') await faultsOf(cluster).heal();
    },
  };
}

/** Only for an isolation the nodes are connected by proxies. */
async function withProcesses<T>(fault: LeaderFault, context: StepContext, use: (failing: FailingCluster) => Promise<T>): Promise<T> {
  await using nodes = await NodeProcesses.start(context, { hasLinks: fault === 'isolated' });
  await using cluster = await ProcessCluster.connect(nodes);
  await cluster.waitForLeader();
  return await use(failingProcesses(cluster, nodes));
}

function failingProcesses(cluster: ProcessCluster, nodes: NodeProcesses): FailingCluster {
  return {
    cluster,
    isReplaced: isReplacedIn(cluster),
    async begin(fault, leader) {
      if (fault === 'killed') await nodes.node(leader).kill();
      else if (fault === 'paused') nodes.node(leader).pause();
      else nodes.links.isolate(leader);
    },
    async repair(fault, leader) {
      if (fault === 'killed') await nodes.begin(leader);
      else if (fault === 'paused') nodes.node(leader).resume();
      else nodes.links.heal();
    },
  };
}

/** Another process hosts the nodes; this one takes over when that one is killed, and cannot while it is stopped. */
async function withSharedFolder<T>(
  fault: LeaderFault,
  { config: { nodes, durability, raft, limits }, dataDir }: StepContext,
  use: (failing: FailingCluster) => Promise<T>,
): Promise<T> {
  const options = { nodes, durability, raft, limits, dataDir };
  await using processes = new AsyncDisposableStack();
  const start = async (): Promise<TaskProcess> => {
    const started = processes.use(new TaskProcess({ type: 'host', options }));
    await started.ready();
    return started;
  };
  const host = await start();
  await using cluster = await openCluster(options);
  return await use(failingHost(fault, cluster, host, start));
}

function failingHost(
  fault: LeaderFault,
  cluster: SharedCluster,
  host: TaskProcess,
  startAnother: () => Promise<TaskProcess>,
): FailingCluster {
  const leads = async (): Promise<boolean> => cluster.isHost && (await cluster.leader()) !== undefined;
  return {
    cluster: withoutRunning(cluster),
    ...(fault === 'killed' ? { isReplaced: leads } : {}),
    async begin() {
      if (fault === 'killed') await host.kill();
      else host.pause();
    },
    async repair() {
      if (fault === 'killed') await startAnother();
      else host.resume();
    },
  };
}

/**
 * While no process hosts the nodes, none of them runs, but one is about to host them. Over a bridge that must not look like nodes that were
 * stopped, for which a client does not wait: its channels are lost, and it opens others.
 */
const withoutRunning = (cluster: SharedCluster): FailingCluster['cluster'] => ({
  holder: cluster.holder,
  nodeIds: () => cluster.nodeIds(),
  openChannel: (node, handlers) => cluster.openChannel(node, handlers),
  onClosed: (listener) => cluster.onClosed(listener),
  status: (node) => cluster.status(node),
  waitForLeader: (timeoutMs) => cluster.waitForLeader(timeoutMs),
});
