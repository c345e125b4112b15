import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ClientChannel,
  type ClientChannelHandlers,
  type ClusterEndpoint,
  openCluster,
  type SharedCluster,
  type SharedClusterOptions,
} from '../../src/index.ts';

const HANDOVER_MS = 500;
const HANDOVER_MS_MAX = 60_000;

/**
 * A client's connection to a shared folder that never hosts the nodes for long: where they came to this process, as their host was killed,
 * {@link leaveToOthers} hands them to another one.
 */
export class FolderClient implements ClusterEndpoint {
  readonly #options: SharedClusterOptions;
  #cluster: SharedCluster;
  #isClosed = false;

  private constructor(options: SharedClusterOptions, cluster: SharedCluster) {
    this.#options = options;
    this.#cluster = cluster;
  }

  static async open(options: SharedClusterOptions): Promise<FolderClient> {
    return new FolderClient(options, await openCluster(options));
  }

  get cluster(): SharedCluster {
    return this.#cluster;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  nodeIds(): readonly number[] {
    return this.#cluster.nodeIds();
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    return this.#cluster.openChannel(node, handlers);
  }

  /**
   * Calls in flight are repeated, as after a failover. Another process must have the folder open.
   * @throws when none hosts the nodes after a minute.
   */
  async leaveToOthers(): Promise<void> {
    const untilMs = performance.now() + HANDOVER_MS_MAX;
    do {
      await this.#cluster.close();
      // Otherwise this process may be the first to find that none hosts the nodes.
      await sleep(HANDOVER_MS);
      this.#cluster = await openCluster(this.#options);
      if (performance.now() > untilMs) throw new Error('No other process hosts the nodes of the folder. Start one before.');
    } while (this.#cluster.isHost);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#cluster.close();
  }
}
