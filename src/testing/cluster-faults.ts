import { ConfigError } from '../base/errors.ts';
import { ClusterClosedError } from '../client/errors.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { parseSettings } from '../cluster/cluster-arguments.ts';
import { type FaultTargets, faultTargetsOf } from '../cluster/fault-targets.ts';
import { DELAY, groupsOf, PAUSE_MS, PROBABILITY } from './fault-arguments.ts';

/**
 * Fault injection for a running cluster of `startCluster()`.
 * @throws {ConfigError} for anything else.
 */
export function faultsOf(cluster: Cluster): ClusterFaults {
  const targets = typeof cluster === 'object' && cluster !== null ? faultTargetsOf(cluster) : undefined;
  if (targets === undefined) throw new ConfigError('cluster', cluster, 'Give what startCluster() returned: faultsOf(cluster).');
  return new ClusterFaults(cluster, targets);
}

/**
 * Faults of one cluster's nodes and of the network between them. They are the cluster's: each object of {@link faultsOf} has the same, and a
 * node that is started again keeps them. Once a call is over, the nodes whose threads are not blocked have the fault. Once the cluster is
 * closed, every method rejects with a {@link ClusterClosedError}.
 */
class ClusterFaults {
  readonly #cluster: Cluster;
  readonly #targets: FaultTargets;

  constructor(cluster: Cluster, targets: FaultTargets) {
    this.#cluster = cluster;
    this.#targets = targets;
  }

  /**
   * Ends a node's thread at once, like a crash: it writes nothing more, and unwritten data is lost. `cluster.restart(node)` starts it again.
   * @throws {ConfigError} for an id that is not in the cluster. @throws {NodeStuckError}
   */
  async kill(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#targets.threads.get(node)?.kill();
  }

  /**
   * Blocks the node's whole thread for a while, like a stopped event loop. @param durationMs from 0 to an hour.
   * @throws {ConfigError}
   */
  async pause(node: number, durationMs: number): Promise<void> {
    this.#checkMember(node);
    parseSettings(PAUSE_MS, durationMs, 'durationMs');
    this.#targets.threads.get(node)?.command({ type: 'pause', durationMs });
  }

  /** Cuts a node off from its peers, both ways. Clients still reach it. @throws {ConfigError} */
  async isolate(node: number): Promise<void> {
    this.#checkMember(node);
    await this.partition([[node], this.#cluster.nodeIds().filter((other) => other !== node)]);
  }

  /** Nodes of different groups do not reach each other; a node in no group is isolated. @throws {ConfigError} */
  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    this.#checkOpen();
    this.#targets.network.partition(parseSettings(groupsOf(this.#cluster.nodeIds()), groups, 'groups'));
    await this.#targets.threads.sendFaults();
  }

  /** Ends every partition, delay and loss. */
  async heal(): Promise<void> {
    this.#checkOpen();
    this.#targets.network.heal();
    await this.#targets.threads.sendFaults();
  }

  /** Delays every frame between nodes by this time, or by a random time in the range; their order stays. @throws {ConfigError} */
  async delay(ms: number | { readonly fromMs: number; readonly toMs: number }): Promise<void> {
    this.#checkOpen();
    this.#targets.network.delay(parseSettings(DELAY, ms, 'ms'));
    await this.#targets.threads.sendFaults();
  }

  /** Drops frames between nodes with this probability, from 0 to 1. @throws {ConfigError} */
  async drop(probability: number): Promise<void> {
    this.#checkOpen();
    this.#targets.network.drop(parseSettings(PROBABILITY, probability, 'probability'));
    await this.#targets.threads.sendFaults();
  }

  /** @throws {ClusterClosedError} */
  #checkOpen(): void {
    if (this.#cluster.isClosed) throw new ClusterClosedError();
  }

  /** @throws {ClusterClosedError | ConfigError} */
  #checkMember(node: number): void {
    this.#checkOpen();
    const nodes = this.#cluster.nodeIds();
    if (!nodes.includes(node)) throw new ConfigError('node', node, `The cluster's nodes are ${nodes.join(', ')}.`);
  }
}

export type { ClusterFaults };
