import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import type { NodeOptions } from '../../src/server/index.ts';
import type { BenchContext } from './bench-measure.ts';

const PROCESS_FILE = fileURLToPath(new URL('./node-process.js', import.meta.url));
const END_MS_MAX = 10_000;

/** The only argument of a process, as JSON: it hosts all nodes of a folder, or runs one node. */
export type ProcessTask =
  | {
      readonly type: 'host';
      readonly options: Pick<ClusterConfig, 'nodes' | 'durability' | 'raft' | 'limits'> & { readonly dataDir: string };
    }
  | { readonly type: 'node'; readonly options: NodeOptions };

type Place = Pick<BenchContext, 'config' | 'dataDir'>;

/** Processes that run the nodes of a new cluster. They end with this process, however it ends. */
export class NodeProcesses implements AsyncDisposable {
  readonly dataDir: string;
  /** `host:port` of each node that is a process of its own. */
  readonly endpoints: readonly string[];
  readonly #children: readonly ChildProcess[];

  private constructor(dataDir: string, endpoints: readonly string[], tasks: readonly ProcessTask[]) {
    this.dataDir = dataDir;
    this.endpoints = endpoints;
    this.#children = tasks.map((task) => fork(PROCESS_FILE, [JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  }

  /** One process that hosts all nodes, by `openCluster`. */
  static async startHost({ config: { nodes, durability, raft, limits }, dataDir }: Place): Promise<NodeProcesses> {
    return await NodeProcesses.#start(dataDir, [], [{ type: 'host', options: { nodes, durability, raft, limits, dataDir } }]);
  }

  /** A process for each node, on free ports of the loopback interface. */
  static async startNodes({ config: { nodes, durability, raft, limits }, dataDir }: Place): Promise<NodeProcesses> {
    const ids = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, at) => at + 1) : nodes;
    const endpoints = await freeAddresses(ids.length);
    const addresses = ids.map((id, at) => ({ id, address: endpoints[at] ?? '' }));
    const tasks = ids.map((id): ProcessTask => {
      const options = { id, cluster: 'bench', nodes: addresses, dataDir: join(dataDir, `node-${id}`), durability, raft, limits };
      return { type: 'node', options };
    });
    return await NodeProcesses.#start(dataDir, endpoints, tasks);
  }

  static async #start(dataDir: string, endpoints: readonly string[], tasks: readonly ProcessTask[]): Promise<NodeProcesses> {
    mkdirSync(dataDir, { recursive: true });
    const processes = new NodeProcesses(dataDir, endpoints, tasks);
    try {
      await Promise.all(processes.#children.map(isReady));
      return processes;
    } catch (error) {
      await processes[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Lets the processes close their nodes; one that does not end in time is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(end));
  }
}

/** @throws when the process ends before it is ready; it has printed why. */
async function isReady(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit').then(([code]) => {
    throw new Error(`A process of the cluster ended before it was ready, exit code ${code}. Its output above says why.`);
  });
  await Promise.race([once(child, 'message'), exit]);
  exit.catch(() => undefined);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  if (child.connected) child.disconnect();
  const late = setTimeout(() => child.kill('SIGKILL'), END_MS_MAX);
  await exit;
  clearTimeout(late);
}

/** @returns addresses at which nothing listens. */
async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const addresses = servers.map((server) => {
    const bound = server.address();
    return `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return addresses;
}
