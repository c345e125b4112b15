import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint, NodeStatus } from '../../src/index.ts';
import { connect, type RemoteCluster } from '../../src/remote/index.ts';
import { systemClock } from '../measuring/clock.ts';
import type { NodeProcesses } from './node-processes.ts';

const LEADER_MS_MAX = 30_000;
const POLL_MS = 20;

/**
 * A client's connection to node processes. Each node is reached at its own address: by `connect` they would be reached as one of them reaches
 * the others, that is, through links that may be cut.
 */
export class ProcessCluster implements ClusterEndpoint, AsyncDisposable {
  readonly #nodes: ReadonlyMap<number, RemoteCluster>;

  private constructor(nodes: ReadonlyMap<number, RemoteCluster>) {
    this.#nodes = nodes;
  }

  /** Resolves once each node has replied. */
  static async connect({ addresses }: Pick<NodeProcesses, 'addresses'>): Promise<ProcessCluster> {
    const nodes = new Map<number, RemoteCluster>();
    const cluster = new ProcessCluster(nodes);
    try {
      for (const [id, address] of addresses) nodes.set(id, await connect({ endpoints: [address] }));
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  nodeIds(): readonly number[] {
    return [...this.#nodes.keys()];
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    return this.#nodes.get(node)?.openChannel(node, handlers);
  }

  /** @throws {NodeUnavailableError} if it does not reply in two seconds. */
  async status(node: number): Promise<NodeStatus> {
    const of = this.#nodes.get(node);
    if (of === undefined) throw new Error(`The cluster has no node ${node}.`);
    return await of.status(node);
  }

  /** The leader of the highest term among the nodes that reply. @throws when there is none for 30 s. */
  async waitForLeader(): Promise<number> {
    const deadlineMs = systemClock.nowMs() + LEADER_MS_MAX;
    while (systemClock.nowMs() < deadlineMs) {
      const statuses = await Promise.all(this.nodeIds().map((node) => this.status(node).catch(() => undefined)));
      const leaders = statuses.filter((status) => status?.state === 'leader').sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0));
      if (leaders[0] !== undefined) return leaders[0].node;
      await systemClock.waitUntil(systemClock.nowMs() + POLL_MS);
    }
    throw new Error(`No node process leads within ${LEADER_MS_MAX} ms.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.close()));
  }
}
