import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import type { TlsPaths } from '../../src/security/tls-files.ts';
import type { NodeOptions } from '../../src/server/index.ts';
import { type ClusterCertificates, makeCertificates } from './certificates.ts';
import { freeAddresses } from './free-addresses.ts';
import { Links } from './links.ts';
import { TaskProcess } from './task-process.ts';

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
  /** All channels use mutual TLS, with certificates made for this cluster. Default: false. */
  readonly hasTls?: boolean;
}

export interface BeginOptions {
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `host:port` of all nodes, in place of those of its configuration. */
  readonly addresses?: ReadonlyMap<number, string>;
}

/** A cluster whose nodes are processes, each by gRPC on the loopback interface, as `jobraft serve` runs them. They end with this process. */
export class NodeProcesses implements AsyncDisposable {
  /** `host:port`, by node. */
  readonly addresses: ReadonlyMap<number, string>;
  /** For a client; undefined without TLS. */
  readonly clientTls: TlsPaths | undefined;
  readonly #nodeOptions: ReadonlyMap<number, NodeOptions>;
  readonly #links: Links | undefined;
  readonly #processes = new Map<number, TaskProcess>();

  private constructor(
    addresses: ReadonlyMap<number, string>,
    nodeOptions: ReadonlyMap<number, NodeOptions>,
    { links, clientTls }: { readonly links: Links | undefined; readonly clientTls: TlsPaths | undefined },
  ) {
    this.addresses = addresses;
    this.clientTls = clientTls;
    this.#nodeOptions = nodeOptions;
    this.#links = links;
  }

  /** Resolves once the cluster is formed. @throws when one of the processes ends before. */
  static async start(
    { config: { nodes, durability, raft, limits }, dataDir }: ProcessPlace,
    { hasLinks = false, cluster = 'eval', hasTls = false }: NodeProcessesOptions = {},
  ): Promise<NodeProcesses> {
    const ids = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, at) => at + 1) : nodes;
    const free = await freeAddresses(ids.length);
    const addresses = new Map(ids.map((id, at) => [id, free[at] ?? '']));
    const links = hasLinks ? await Links.open(addresses) : undefined;
    const certificates: ClusterCertificates | undefined = hasTls ? await makeCertificates(join(dataDir, 'certificates'), ids) : undefined;
    const nodeOptions = ids.map((id): readonly [number, NodeOptions] => {
      const known = links?.addressesOf(id) ?? addresses;
      const options = {
        ...{ id, cluster, dataDir: join(dataDir, `node-${id}`), durability },
        ...(raft === undefined ? {} : { raft }),
        ...(limits === undefined ? {} : { limits }),
        ...(certificates === undefined ? {} : { tls: certificates.ofNode(id) }),
        nodes: [...known].map(([node, address]) => ({ id: node, address })),
      };
      return [id, options];
    });
    mkdirSync(dataDir, { recursive: true });
    const processes = new NodeProcesses(addresses, new Map(nodeOptions), { links, clientTls: certificates?.client });
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

  /** Where a node has its files. */
  folderOf(id: number): string {
    return this.#optionsOf(id).dataDir;
  }

  /** Starts a node, also again. Resolves once it takes part in the cluster. */
  async begin(id: number, { env, addresses }: BeginOptions = {}): Promise<void> {
    const options = this.#optionsOf(id);
    const nodes = addresses === undefined ? options.nodes : [...addresses].map(([node, address]) => ({ id: node, address }));
    const started = new TaskProcess({ type: 'node', options: { ...options, nodes } }, env === undefined ? {} : { env });
    this.#processes.set(id, started);
    await started.ready();
  }

  #optionsOf(id: number): NodeOptions {
    const options = this.#nodeOptions.get(id);
    if (options === undefined) throw new Error(`The cluster has no node ${id}. Give one of ${[...this.#nodeOptions.keys()].join(', ')}.`);
    return options;
  }

  /** Lets the processes close their nodes; one that does not end in time is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#links?.heal();
    await Promise.all([...this.#processes.values()].map((each) => each[Symbol.asyncDispose]()));
    await this.#links?.[Symbol.asyncDispose]();
  }
}
