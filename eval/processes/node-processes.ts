import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import { freeAddresses } from './free-addresses.ts';
import { Links } from './links.ts';
import { type ProcessTask, TaskProcess } from './task-process.ts';

/** What the nodes of a new cluster are given. */
export interface ProcessPlace {
  readonly config: Pick<ClusterConfig, 'nodes' | 'durability'> & Partial<Pick<ClusterConfig, 'raft' | 'limits'>>;
  /** A folder of their own. */
  readonly dataDir: string;
}

export interface NodeProcessesOptions {
  /** The nodes reach each other by {@link Links}, which can be cut. Default: false, directly. */
  readonly hasLinks?: boolean;
  /** Name of the cluster. */
  readonly cluster?: string;
}

/** A cluster whose nodes are processes, each by gRPC on the loopback interface, as `jobraft serve` runs them. They end with this process. */
export class NodeProcesses implements AsyncDisposable {
  /** `host:port`, by node. */
  readonly addresses: ReadonlyMap<number, string>;
  readonly #tasks: ReadonlyMap<number, ProcessTask>;
  readonly #links: Links | undefined;
  readonly #processes = new Map<number, TaskProcess>();

  private constructor(addresses: ReadonlyMap<number, string>, tasks: ReadonlyMap<number, ProcessTask>, links: Links | undefined) {
    this.addresses = addresses;
    this.#tasks = tasks;
    this.#links = links;
  }

  /** Resolves once the cluster is formed. @throws when one of the processes ends before; it has printed why. */
  static async start(
    { config: { nodes, durability, raft, limits }, dataDir }: ProcessPlace,
    { hasLinks = false, cluster = 'eval' }: NodeProcessesOptions = {},
  ): Promise<NodeProcesses> {
    const ids = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, at) => at + 1) : nodes;
    const free = await freeAddresses(ids.length);
    const addresses = new Map(ids.map((id, at) => [id, free[at] ?? '']));
    const links = hasLinks ? await Links.open(addresses) : undefined;
    const tasks = ids.map((id): readonly [number, ProcessTask] => {
      const known = links?.addressesOf(id) ?? addresses;
      const options = {
        ...{ id, cluster, dataDir: join(dataDir, `node-${id}`), durability },
        ...(raft === undefined ? {} : { raft }),
        ...(limits === undefined ? {} : { limits }),
        nodes: [...known].map(([node, address]) => ({ id: node, address })),
      };
      return [id, { type: 'node', options }];
    });
    mkdirSync(dataDir, { recursive: true });
    const processes = new NodeProcesses(addresses, new Map(tasks), links);
    try {
      await Promise.all(ids.map((id) => processes.begin(id)));
      return processes;
    } catch (error) {
      await processes[Symbol.asyncDispose]();
      throw error;
    }
  }

  get endpoints(): readonly string[] {
    return [...this.addresses.values()];
  }

  /** The connections between the nodes. @throws if they are direct. */
  get links(): Links {
    if (this.#links === undefined) throw new Error('The nodes of this cluster are connected directly. Start it with hasLinks.');
    return this.#links;
  }

  /** The latest process of a node. */
  node(id: number): TaskProcess {
    const found = this.#processes.get(id);
    if (found === undefined) throw new Error(`Node ${id} was not started. Give one of ${[...this.addresses.keys()].join(', ')}.`);
    return found;
  }

  /** Starts a node, also again. Resolves once it takes part in the cluster. @param env added to its environment. */
  async begin(id: number, env?: Readonly<Record<string, string>>): Promise<void> {
    const task = this.#tasks.get(id);
    if (task === undefined) throw new Error(`The cluster has no node ${id}.`);
    const started = new TaskProcess(task, env);
    this.#processes.set(id, started);
    await started.ready();
  }

  /** Lets the processes close their nodes; one that does not end in time is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#links?.heal();
    await Promise.all([...this.#processes.values()].map((each) => each[Symbol.asyncDispose]()));
    await this.#links?.[Symbol.asyncDispose]();
  }
}
