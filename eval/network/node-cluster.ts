import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type RemoteCluster } from '../../src/remote/index.ts';
import { packageRoot } from '../measuring/package-root.ts';
import { type ManagedProcess, type Processes, until } from '../upgrade/processes.ts';
import { addressOf, type Links, namespaceOf } from './links.ts';
import { NodeApi, type StatusReply } from './node-api.ts';

/** They form the cluster. */
export const NODES: readonly number[] = [1, 2, 3, 4, 5];
/** It joins while the cluster runs. */
export const JOINING_NODE = 6;
export const PORT = 7101;

export interface ClusterPlan {
  /** Holds the files of the cluster. */
  readonly folder: string;
  /** Settings in place of the defaults. */
  readonly raft?: Readonly<Record<string, number>>;
  readonly logLevel: 'info' | 'debug';
  /** Where a node reaches another one. Default: at the address where it listens. */
  readonly reaches?: (from: number, to: number) => string;
}

const listens = (node: number): string => `${addressOf(node)}:${PORT}`;

/** Five nodes, each a process in its network namespace, and those that join them. */
export class NodeCluster implements AsyncDisposable {
  readonly #plan: ClusterPlan;
  readonly #processes: Processes;
  readonly #nodes = new Map<number, ManagedProcess>();
  readonly #links: Links;
  readonly #apis: Map<number, NodeApi>;
  readonly #joined: number[] = [];
  readonly #stopped = new Set<number>();

  private constructor(plan: ClusterPlan, links: Links, processes: Processes) {
    this.#plan = plan;
    this.#links = links;
    this.#processes = processes;
    for (const node of NODES) links.addNode(node);
    this.#apis = new Map(NODES.map((node) => [node, new NodeApi(listens(node))]));
  }

  /** Resolves once all nodes run. */
  static async start(plan: ClusterPlan, links: Links, processes: Processes): Promise<NodeCluster> {
    const cluster = new NodeCluster(plan, links, processes);
    for (const node of NODES) cluster.begin(node);
    await Promise.all(NODES.map((node) => cluster.runs(node)));
    return cluster;
  }

  /** The members. */
  get nodes(): readonly number[] {
    return [...NODES, ...this.#joined];
  }

  get logFolder(): string {
    return join(this.#plan.folder, 'logs');
  }

  get pids(): readonly number[] {
    return [...this.#nodes.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** What ended by itself. */
  get faults(): readonly string[] {
    return [...this.#nodes].flatMap(([node, { isRunning, endText }]) => (isRunning || this.#stopped.has(node) ? [] : [endText]));
  }

  api(node: number): NodeApi {
    const api = this.#apis.get(node);
    if (api === undefined) throw new Error(`There is no node ${node}.`);
    return api;
  }

  async connect(): Promise<RemoteCluster> {
    const { reaches = (_from, to) => listens(to) } = this.#plan;
    return await connect({ endpoints: NODES.map((node) => reaches(0, node)), insecure: true });
  }

  /** Resolves once a new node votes. */
  async join(node: number): Promise<void> {
    this.#links.addNode(node);
    this.#apis.set(node, new NodeApi(listens(node)));
    this.begin(node, ['--join']);
    await this.#prints(node, 'has joined the cluster');
    this.#joined.push(node);
  }

  /** Removes a member that has joined, whose process ends by itself. @returns what it wrote last. */
  async leave(node: number, client: RemoteCluster): Promise<string> {
    const leaving = this.#process(node);
    this.#stopped.add(node);
    await client.removeNode(node);
    await leaving.ended();
    this.#joined.splice(this.#joined.indexOf(node), 1);
    this.#nodes.delete(node);
    return leaving.endText;
  }

  begin(node: number, options: readonly string[] = []): void {
    const { folder, raft = {}, logLevel, reaches = (_from, to) => listens(to) } = this.#plan;
    mkdirSync(folder, { recursive: true });
    const config = {
      ...{ id: node, cluster: 'network-test', insecure: true, dataDir: join(folder, `node-${node}`), raft },
      // Of members that joined later the nodes learn by themselves.
      nodes: [...new Set([...NODES, node])].map((id) => ({ id, address: id === node ? listens(id) : reaches(node, id) })),
      logs: { dir: this.logFolder, level: logLevel },
    };
    const file = join(folder, `node-${node}.yaml`);
    // YAML includes JSON.
    writeFileSync(file, JSON.stringify(config));
    const command = [process.execPath, join(packageRoot(), 'dist/src/cli/main.js'), 'serve', '--config', file, ...options];
    this.#stopped.delete(node);
    this.#nodes.set(node, this.#processes.start(`Node ${node}`, 'ip', ['netns', 'exec', namespaceOf(node), ...command]));
  }

  async runs(node: number): Promise<void> {
    await this.#prints(node, 'runs at');
  }

  async kill(node: number): Promise<void> {
    this.#stopped.add(node);
    this.#process(node).kill();
    await this.#process(node).ended();
  }

  /** Stops all gracefully. @returns what was wrong with their ends. */
  async stop(): Promise<string[]> {
    const running = [...this.#nodes.keys()].filter((node) => this.#nodes.get(node)?.isRunning === true);
    for (const node of running) this.#stopped.add(node);
    return (
      await Promise.all(
        running.map(async (node) => {
          const ending = this.#process(node);
          ending.terminate();
          const isInTime = await ending.ended();
          return isInTime && ending.exitCode === 0 ? [] : [`After SIGTERM: ${ending.endText}`];
        }),
      )
    ).flat();
  }

  /** Of the nodes that reply. */
  async statuses(): Promise<readonly StatusReply[]> {
    const replies = await Promise.all(
      this.nodes.map((node) =>
        this.api(node)
          .status()
          .catch(() => undefined),
      ),
    );
    return replies.filter((reply) => reply !== undefined);
  }

  /** Resolves once a leader of a later term is there. @returns its id. */
  async leaderAfter(term: number): Promise<{ readonly leader: number; readonly term: number }> {
    let found: StatusReply | undefined;
    await until(`a leader of a term after ${term}`, async () => {
      const leaders = (await this.statuses()).filter((status) => status.state === 'LEADER' && status.term > term);
      found = leaders.toSorted((one, other) => other.term - one.term)[0];
      return found !== undefined;
    });
    return { leader: found?.node ?? 0, term: found?.term ?? 0 };
  }

  /** Resolves once all nodes follow one leader, in its term, and have applied what it has committed. @returns it. */
  async settled(): Promise<{ readonly leader: number; readonly term: number }> {
    let leader = 0;
    let term = 0;
    let last = '';
    try {
      await until('all nodes follow one leader', async () => {
        const statuses = await this.statuses();
        last = JSON.stringify(
          statuses.map(({ node, state, term: own, leader_id, applied_index }) => [node, state, own, leader_id, applied_index]),
        );
        const [led, ...others] = statuses.filter(({ state }) => state === 'LEADER');
        if (led === undefined || others.length > 0 || statuses.length < this.nodes.length) return false;
        ({ node: leader, term } = led);
        return statuses.every(
          (each) => each.term === term && each.leader_id === leader && each.applied_index >= led.commit_index - LAG_MAX,
        );
      });
    } catch (cause) {
      throw new Error(`${String(cause)} The nodes, with state, term, leader and applied index: ${last}.`, { cause });
    }
    return { leader, term };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const api of this.#apis.values()) api[Symbol.dispose]();
    await Promise.all(
      [...this.#nodes.values()].map(async (node) => {
        node.kill();
        await node.ended();
      }),
    );
  }

  async #prints(node: number, text: string): Promise<void> {
    await until(`node ${node} prints "${text}"`, () => {
      const { output, isRunning, endText } = this.#process(node);
      if (!isRunning) throw new Error(endText);
      return output.includes(text);
    });
  }

  #process(node: number): ManagedProcess {
    const found = this.#nodes.get(node);
    if (found === undefined) throw new Error(`Node ${node} was not started.`);
    return found;
  }
}

/** The nodes are asked one after the other, while jobs are added. */
const LAG_MAX = 1_000;
