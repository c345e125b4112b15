import type { RemoteCluster } from '../../../src/remote/index.ts';
import { caughtUp } from '../../measuring/catch-up.ts';
import type { NodeProcesses } from '../../processes/node-processes.ts';
import type { ProcessLoad } from './process-load.ts';

/** The fault cannot be injected on this machine. */
export class CannotInject extends Error {}

/** What faults are injected into: node processes under load. */
export class Subject {
  readonly nodes: NodeProcesses;
  readonly cluster: RemoteCluster;
  readonly load: ProcessLoad;
  /** For the files of what is started beside the nodes. */
  readonly folder: string;

  constructor(nodes: NodeProcesses, cluster: RemoteCluster, load: ProcessLoad, folder: string) {
    this.nodes = nodes;
    this.cluster = cluster;
    this.load = load;
    this.folder = folder;
  }

  get ids(): readonly number[] {
    return [...this.nodes.addresses.keys()];
  }

  leader(): Promise<number> {
    return this.cluster.waitForLeader();
  }

  async follower(): Promise<number> {
    const leader = await this.leader();
    return this.ids.find((id) => id !== leader) ?? leader;
  }

  /** SIGKILL; adds go on; the node is started again, and gets what it missed. */
  async killed(id: number, adds: number): Promise<void> {
    await this.nodes.node(id).kill();
    await this.load.progressed(adds);
    await this.begun(id);
  }

  /** Ends a node as SIGTERM does. */
  async ended(id: number): Promise<void> {
    await this.nodes.node(id)[Symbol.asyncDispose]();
  }

  /** Starts a node that has ended, and waits until it has caught up. */
  async begun(id: number, env?: Readonly<Record<string, string>>): Promise<void> {
    await this.nodes.begin(id, env === undefined ? {} : { env });
    await caughtUp(this.cluster, id);
  }

  /** The highest term of the nodes that reply. */
  async term(): Promise<number> {
    const statuses = await Promise.all(this.ids.map((id) => this.cluster.status(id).catch(() => undefined)));
    return Math.max(0, ...statuses.map((status) => status?.term ?? 0));
  }
}
