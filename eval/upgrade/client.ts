// A process with the client of one build: node client.js <ClientSettings as JSON>. It adds jobs and completes them, until its parent ends it.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Client, ClusterEndpoint, Queue, Worker } from '../../src/index.ts';
import { type ClientCommand, type ClientReport, type ClientSettings, NODES, QUEUE_NAME } from './messages.ts';

/** A call waits for the next leader, however busy the machine is. */
const DEADLINE_MS = 60_000;
/** Between two adds: some hundred a second are enough to have calls in flight whenever a node ends. */
const ADD_EVERY_MS = 5;
const CONCURRENCY = 10;
/** By default only the last 1,000 completed jobs are kept. */
const KEPT = { removeOnComplete: false };

type Built = typeof import('../../src/index.ts');
type BuiltRemote = typeof import('../../src/remote/index.ts');
type OpenedCluster = ClusterEndpoint & { close(): Promise<void> };

/** Ends the process when its parent is gone. */
const report = (message: ClientReport): void => {
  if (process.connected) process.send?.(message);
};

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return `${code}${error.message}`;
}

const built = async (root: string, file: string): Promise<unknown> => await import(pathToFileURL(join(root, 'dist/src', file)).href);

async function open({ root, cluster }: ClientSettings, { openCluster }: Built): Promise<OpenedCluster> {
  if ('endpoints' in cluster) return await ((await built(root, 'remote/index.js')) as BuiltRemote).connect(cluster);
  return await openCluster({
    dataDir: cluster.dataDir,
    nodes: NODES,
    onNodeFailure: (node, error) => report({ type: 'error', of: 'node', text: `Node ${node}: ${textOf(error)}` }),
  });
}

class Load {
  readonly #cluster: OpenedCluster;
  readonly #client: Client;
  readonly #queue: Queue;
  readonly #worker: Worker;
  #isAdding = true;
  #added: Promise<void> | undefined;

  constructor(cluster: OpenedCluster, { Client: ClientOf, Queue: QueueOf, Worker: WorkerOf }: Built) {
    this.#cluster = cluster;
    this.#client = new ClientOf(cluster, { deadlineMs: DEADLINE_MS });
    this.#queue = new QueueOf(QUEUE_NAME, { connection: this.#client });
    this.#worker = new WorkerOf(QUEUE_NAME, async ({ id }) => id, { connection: this.#client, concurrency: CONCURRENCY });
    this.#worker.on('completed', () => report({ type: 'completed' }));
    this.#worker.on('error', (error) => report({ type: 'error', of: 'work', text: textOf(error) }));
  }

  start(): void {
    this.#added = this.#add();
  }

  async stopAdding(): Promise<void> {
    this.#isAdding = false;
    await this.#added;
  }

  async close(): Promise<void> {
    await this.stopAdding();
    await this.#worker.close();
    await this.#queue.close();
    await this.#client.close();
    await this.#cluster.close();
  }

  async #add(): Promise<void> {
    for (let n = 0; this.#isAdding; n += 1) {
      const startMs = performance.now();
      try {
        const { id } = await this.#queue.add('job', { n }, KEPT);
        report({ type: 'added', id, ms: performance.now() - startMs });
      } catch (error) {
        report({ type: 'error', of: 'add', text: textOf(error) });
      }
      await sleep(ADD_EVERY_MS);
    }
  }
}

async function main(settings: ClientSettings): Promise<void> {
  const index = (await built(settings.root, 'index.js')) as Built;
  const load = new Load(await open(settings, index), index);
  process.on('disconnect', () => process.exit());
  process.on('message', (command: ClientCommand) => {
    if (command === 'close') void load.close().then(() => process.disconnect());
    else void load.stopAdding().then(() => report({ type: 'stopped' }));
  });
  load.start();
  report({ type: 'opened' });
}

try {
  // The only cast: the parent writes this argument.
  await main(JSON.parse(process.argv[2] ?? '') as ClientSettings);
} catch (error) {
  const rejected: ClientReport = { type: 'error', of: 'open', text: textOf(error) };
  process.send?.(rejected, () => process.exit(1));
}
