import { Client, type ClientChannel, type ClientChannelHandlers, type ClusterEndpoint, type NodeStatus } from '../../src/index.ts';
import { RemoteNode } from '../../src/remote/remote-node.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { CHANNEL_PROTOCOL } from '../../src/transport/handshake.ts';
import { systemClock } from '../measuring/clock.ts';
import type { NodeProcesses } from './node-processes.ts';

const CALL_MS_MAX = 2_000;
const LEADER_MS_MAX = 30_000;
const POLL_MS = 20;

/**
 * A client's connection to node processes. Each node is reached at its own address: by `connect` they would be reached as one of them reaches
 * the others, that is, through links that may be cut.
 */
export class ProcessCluster implements ClusterEndpoint, AsyncDisposable {
  readonly #nodes: ReadonlyMap<number, RemoteNode>;
  readonly #client = new Client(this, { deadlineMs: CALL_MS_MAX });
  #cluster = 0;

  private constructor(addresses: ReadonlyMap<number, string>) {
    this.#nodes = new Map([...addresses].map(([id, address]) => [id, new RemoteNode(address, UNSECURED)]));
  }

  /** Resolves once each node has replied. @throws when one does not. */
  static async connect({ addresses }: Pick<NodeProcesses, 'addresses'>): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(addresses);
    try {
      for (const [id, node] of cluster.#nodes) cluster.#cluster = await clusterOf(id, node);
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
    return this.#nodes.get(node)?.openChannel({ protocol: CHANNEL_PROTOCOL, node, cluster: this.#cluster }, handlers);
  }

  /** @throws {NodeUnavailableError} if it does not reply in two seconds. */
  async status(node: number): Promise<NodeStatus> {
    return await this.#client.status(node);
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
    await this.#client.close();
    for (const node of this.#nodes.values()) node[Symbol.dispose]();
  }
}

/** The id of the cluster, once the node has one. @throws when it has none for 30 s. */
async function clusterOf(id: number, node: RemoteNode): Promise<number> {
  const deadlineMs = systemClock.nowMs() + LEADER_MS_MAX;
  for (;;) {
    const reply = await node.status(CALL_MS_MAX);
    if ('cluster' in reply) return reply.cluster;
    if (systemClock.nowMs() > deadlineMs) throw new Error(`Node ${id} does not reply at ${node.address}: ${reply.details}`);
    await systemClock.waitUntil(systemClock.nowMs() + POLL_MS);
  }
}
