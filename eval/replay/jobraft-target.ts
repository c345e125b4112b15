import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import { Client, type Cluster, JobraftError, Queue, startCluster, Worker } from '../../src/index.ts';
import { type LoadThreads, openLoadThreads } from '../load/load-threads.ts';
import type {
  AddOutcome,
  Consumer,
  ConsumerOptions,
  QueueBacklog,
  RunningSystem,
  SystemCounters,
  SystemOptions,
  SystemUnderTest,
} from './system-under-test.ts';

const LEADER_WAIT_MS = 10_000;

/** The embedded cluster of this package, started and used through its public API. */
export function jobraftTarget(config: ClusterConfig): SystemUnderTest {
  return {
    name: 'jobraft embedded',
    transport: 'MessagePort',
    async start({ dataDir, logsDir, seed }: SystemOptions): Promise<RunningSystem> {
      const { logs, ...settings } = config;
      const cluster = await startCluster({ ...settings, dataDir, seed, logs: { dir: logsDir, level: logs?.level ?? 'info' } });
      try {
        await cluster.waitForLeader(LEADER_WAIT_MS);
        return new JobraftSystem(cluster);
      } catch (error) {
        await cluster.close();
        throw error;
      }
    },
  };
}

class JobraftSystem implements RunningSystem {
  readonly #cluster: Cluster;
  readonly #client: Client;
  readonly #queues = new Map<string, Queue<Uint8Array>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#client = new Client(cluster);
  }

  async add(queue: string, payload: Uint8Array): Promise<void> {
    await this.#queue(queue).add('message', payload);
  }

  addOutcome(error: unknown): AddOutcome {
    // After an unexpected error the call may have taken effect.
    return error instanceof JobraftError ? error.outcome : 'unknown';
  }

  async consume(queue: string, options: ConsumerOptions): Promise<Consumer> {
    const worker = new Worker<Uint8Array, null>(
      queue,
      async (job) => {
        options.onMessage(job.data);
        return null;
      },
      { connection: this.#client, concurrency: options.concurrency },
    );
    worker.on('completed', (job) => options.onCompleted(job.data));
    worker.on('failed', (_job, error) => options.onError(error));
    worker.on('error', (error) => options.onError(error));
    return { close: () => worker.close() };
  }

  openLoadThreads(): Promise<LoadThreads> {
    return openLoadThreads(this.#cluster);
  }

  async backlog(queue: string): Promise<QueueBacklog> {
    const { waiting, delayed, active, failed } = await this.#queue(queue).getJobCounts();
    return { unfinished: waiting + delayed + active, failed };
  }

  async counters(): Promise<SystemCounters> {
    const rpcSent: Record<string, number> = {};
    let elections = 0;
    let bytesSent = 0;
    let fsyncs = 0;
    for (const node of await this.#cluster.metrics()) {
      elections += node.elections;
      bytesSent += node.bytesSent;
      fsyncs += node.persists;
      for (const [name, count] of Object.entries(node.rpcSent)) rpcSent[name] = (rpcSent[name] ?? 0) + count;
    }
    return { elections, rpcSent, bytesSent, fsyncs };
  }

  async stop(): Promise<void> {
    try {
      await this.#client.close();
    } finally {
      await this.#cluster.close();
    }
  }

  #queue(name: string): Queue<Uint8Array> {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new Queue<Uint8Array>(name, { connection: this.#client });
      this.#queues.set(name, queue);
    }
    return queue;
  }
}
