import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { packageRoot } from '../measuring/package-root.ts';
import { NodeApi, type StatusReply } from '../network/node-api.ts';
import { freeAddresses } from '../processes/free-addresses.ts';
import { type ManagedProcess, type Processes, until } from '../upgrade/processes.ts';
import type { Certificate, Certificates } from './certificates.ts';

export const CLUSTER_NAME = 'clients';
export const NODES: readonly number[] = [1, 2, 3];

/** Three processes of `jobraft serve` on the loopback interface. */
export class ServeCluster implements Disposable {
  /** `host:port`, by node. */
  readonly addresses: ReadonlyMap<number, string>;
  readonly #folder: string;
  readonly #processes: Processes;
  readonly #nodes = new Map<number, ManagedProcess>();
  readonly #apis: ReadonlyMap<number, NodeApi>;
  readonly #certificates: Certificates | undefined;

  private constructor(
    folder: string,
    addresses: ReadonlyMap<number, string>,
    processes: Processes,
    certificates: Certificates | undefined,
  ) {
    this.#certificates = certificates;
    this.#folder = folder;
    this.addresses = addresses;
    this.#processes = processes;
    this.#apis = new Map([...addresses].map(([node, address]) => [node, new NodeApi(address, channelOf(certificates?.('client-test')))]));
  }

  /** Resolves once it has a leader. @param certificates for mutual TLS. */
  static async start(folder: string, processes: Processes, certificates?: Certificates): Promise<ServeCluster> {
    const free = await freeAddresses(NODES.length);
    const cluster = new ServeCluster(folder, new Map(NODES.map((node, at) => [node, free[at] ?? ''])), processes, certificates);
    mkdirSync(folder, { recursive: true });
    for (const node of NODES) cluster.#begin(node);
    for (const node of NODES) await cluster.#runs(node);
    await cluster.leader();
    return cluster;
  }

  get nodes(): readonly number[] {
    return NODES;
  }

  get endpoints(): readonly string[] {
    return [...this.addresses.values()];
  }

  api(node: number): NodeApi {
    const api = this.#apis.get(node);
    if (api === undefined) throw new Error(`There is no node ${node}.`);
    return api;
  }

  /** Of the nodes that reply. */
  async statuses(): Promise<readonly StatusReply[]> {
    const replies = await Promise.all([...this.#apis.values()].map((api) => api.status().catch(() => undefined)));
    return replies.filter((status) => status !== undefined);
  }

  /** The one of the highest term. */
  async leader(): Promise<StatusReply> {
    let found: StatusReply | undefined;
    await until('a node leads', async () => {
      const leaders = (await this.statuses()).filter(({ state }) => state === 'LEADER');
      found = leaders.sort((one, other) => other.term - one.term)[0];
      return found !== undefined;
    });
    if (found === undefined) throw new Error('No node leads.');
    return found;
  }

  /** SIGKILL to the leader, which starts again once another node leads. Resolves when it has what was committed by then. */
  async killLeader(): Promise<void> {
    const { node, term } = await this.leader();
    this.#process(node).kill();
    await this.#process(node).ended();
    await until('another node leads', async () => (await this.leader()).term > term);
    const { commit_index: committed } = await this.leader();
    this.#begin(node);
    await this.#runs(node);
    await until(`node ${node} has caught up`, async () =>
      (await this.statuses()).some((status) => status.node === node && status.commit_index >= committed),
    );
  }

  /** SIGTERM. @returns what was wrong with the ends of the processes. */
  async stop(): Promise<readonly string[]> {
    const faults: string[] = [];
    for (const process of this.#nodes.values()) process.terminate();
    for (const process of this.#nodes.values()) if (!(await process.ended()) || process.exitCode !== 0) faults.push(process.endText);
    return faults;
  }

  [Symbol.dispose](): void {
    for (const api of this.#apis.values()) api[Symbol.dispose]();
  }

  #begin(node: number): void {
    const file = join(this.#folder, `node-${node}.yaml`);
    const nodes = [...this.addresses].map(([id, address]) => ({ id, address }));
    const tls = this.#certificates?.(`node-${node}`);
    // YAML includes JSON.
    writeFileSync(file, JSON.stringify({ id: node, cluster: CLUSTER_NAME, dataDir: join(this.#folder, `node-${node}`), nodes, tls }));
    const command = [join(packageRoot(), 'dist/src/cli/main.js'), 'serve', '--config', file];
    this.#nodes.set(node, this.#processes.start(`Node ${node}`, process.execPath, command));
  }

  async #runs(node: number): Promise<void> {
    const started = this.#process(node);
    await until(`node ${node} runs`, () => {
      if (!started.isRunning) throw new Error(started.endText);
      return started.output.includes('runs at') || started.errorOutput.includes('runs at');
    });
  }

  #process(node: number): ManagedProcess {
    const found = this.#nodes.get(node);
    if (found === undefined) throw new Error(`Node ${node} was not started.`);
    return found;
  }
}

const channelOf = (files: Certificate | undefined) =>
  files === undefined
    ? credentials.createInsecure()
    : credentials.createSsl(readFileSync(files.ca), readFileSync(files.key), readFileSync(files.certificate));
