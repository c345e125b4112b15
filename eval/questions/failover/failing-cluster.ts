import type { Cluster } from '../../../src/index.ts';
import { faultsOf } from '../../../src/testing/index.ts';
import { withCluster } from '../../bench/bench-cluster.ts';
import type { BridgedCluster } from '../../load/cluster-bridge.ts';
import { NodeProcesses } from '../../processes/node-processes.ts';
import { ProcessCluster } from '../../processes/process-cluster.ts';
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
}

/** A new cluster with a leader, closed afterwards in any case. */
export const withFailingCluster = <T>(
  nodesAs: NodesAs,
  fault: LeaderFault,
  context: StepContext,
  use: (failing: FailingCluster) => Promise<T>,
): Promise<T> => (nodesAs === 'threads' ? withThreads(context, use) : withProcesses(fault, context, use));

const withThreads = <T>(context: StepContext, use: (failing: FailingCluster) => Promise<T>): Promise<T> =>
  withCluster({ ...context, medianOf: () => undefined }, (cluster) => use(failingThreads(cluster)));

function failingThreads(cluster: Cluster): FailingCluster {
  return {
    cluster,
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
