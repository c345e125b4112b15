import { connect, type RemoteCluster } from '../../../src/remote/index.ts';
import { caughtUp } from '../../measuring/catch-up.ts';
import { NodeProcesses } from '../../processes/node-processes.ts';
import type { FaultLoad } from './fault-load.ts';
import { ProcessLoad } from './process-load.ts';

/** The fault cannot be injected on this machine. */
export class CannotInject extends Error {}

/** What faults are injected into: a cluster of processes under load. */
export interface SubjectUnderLoad extends AsyncDisposable {
  readonly load: FaultLoad;
  /** The highest term of the nodes that reply. */
  term(): Promise<number>;
  /** How processes ended that nothing has ended, since this was last asked. */
  endings(): readonly string[];
}

/** Node processes under load. */
export class Subject implements SubjectUnderLoad {
  readonly nodes: NodeProcesses;
  readonly cluster: RemoteCluster;
  readonly load: ProcessLoad;
  /** For the files of what is started beside the nodes. */
  readonly folder: string;

  private constructor(nodes: NodeProcesses, cluster: RemoteCluster, load: ProcessLoad, folder: string) {
    this.nodes = nodes;
    this.cluster = cluster;
    this.load = load;
    this.folder = folder;
  }

  /** @param folder for the files of the nodes; it must not have any. */
  static async start(nodes: number, addsPerSecond: number, folder: string): Promise<Subject> {
    const processes = await NodeProcesses.start({ config: { nodes, durability: 'full' }, dataDir: folder });
    try {
      const cluster = await connect({ endpoints: processes.endpoints });
      return new Subject(processes, cluster, new ProcessLoad(cluster, addsPerSecond), folder);
    } catch (error) {
      await processes[Symbol.asyncDispose]();
      throw error;
    }
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

  async term(): Promise<number> {
    const statuses = await Promise.all(this.ids.map((id) => this.cluster.status(id).catch(() => undefined)));
    return Math.max(0, ...statuses.map((status) => status?.term ?? 0));
  }

  endings(): readonly string[] {
    return this.ids.filter((id) => !this.nodes.node(id).isRunning).map((id) => `Node ${id} ended: ${this.nodes.node(id).endText}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]();
    await this.cluster.close();
    await this.nodes[Symbol.asyncDispose]();
  }
}
