import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { clientVersions } from './client-version.ts';
import type { Peer, PeerConsumer, PeerConsumerOptions, PeerQueue, RunningPeer } from './peer.ts';
import { findProgram, freePorts, ServerProcess, versionOf } from './server-process.ts';

/** They share the concurrency; each has its own connections. */
const WORKERS = 4;

/** The most used queue of Node.js programs. */
export const bullmq: Peer = {
  id: 'bullmq',
  name: 'BullMQ on Redis',
  nodes: 1,
  durability: 'Acknowledged when the one server has it on disk (append-only file, appendfsync always). No second copy.',
  completion: 'A completion is acknowledged when it is in the append-only file; completed jobs are removed at once.',
  settings: 'Commands pipelined by the client, four workers share the concurrency, no snapshots beside the append-only file.',
  addsInFlight: 1000,
  missing: () => (program() === undefined ? 'redis-server is not installed (apt-get install redis-server)' : undefined),
  async start({ folder }) {
    mkdirSync(folder, { recursive: true });
    const [port] = await freePorts(1);
    if (port === undefined) throw new Error('There is no free port.');
    const file = program() ?? 'redis-server';
    const server = ServerProcess.start({
      name: 'redis-server',
      command: file,
      args: [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--maxmemory-policy', 'noeviction'],
        ...['--appendonly', 'yes', '--appendfsync', 'always', '--daemonize', 'no'],
      ],
      folder,
      logFile: join(folder, 'server.log'),
    });
    try {
      await server.waitUntilReady(() => ping(port));
      return new RedisServer(server, port, versionOf(file, '--version'));
    } catch (error) {
      await server.stop();
      throw error;
    }
  },
};

const program = (): string | undefined => findProgram('redis-server');

async function ping(port: number): Promise<boolean> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null });
  // Without a listener ioredis prints every rejected connection.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } finally {
    redis.disconnect();
  }
}

class RedisServer implements RunningPeer {
  readonly version: string;
  readonly client = clientVersions('bullmq', 'ioredis');
  readonly #server: ServerProcess;
  readonly #port: number;

  constructor(server: ServerProcess, port: number, version: string) {
    this.#server = server;
    this.#port = port;
    this.version = version;
  }

  async openQueue(name: string): Promise<PeerQueue> {
    const connection = { host: '127.0.0.1', port: this.#port, maxRetriesPerRequest: null };
    const queue = new Queue(name, {
      connection: { ...connection, enableAutoPipelining: true },
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    await queue.waitUntilReady();
    return {
      async add(payload) {
        await queue.add('message', textOf(payload));
      },
      consume: async (options) => consume(name, connection, options),
      close: () => queue.close(),
    };
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

interface Connection {
  readonly host: string;
  readonly port: number;
  readonly maxRetriesPerRequest: null;
}

async function consume(name: string, connection: Connection, options: PeerConsumerOptions): Promise<PeerConsumer> {
  const workers = Array.from({ length: WORKERS }, () => {
    const worker = new Worker(name, async () => null, {
      connection: { ...connection, enableAutoPipelining: true },
      concurrency: Math.ceil(options.concurrency / WORKERS),
    });
    worker.on('completed', () => options.onCompleted(1));
    worker.on('error', options.onError);
    return worker;
  });
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return { close: async () => void (await Promise.all(workers.map((worker) => worker.close()))) };
}

/** BullMQ carries JSON: a text of as many characters as the payload has bytes. */
const textOf = (payload: Uint8Array): string => 'x'.repeat(payload.byteLength);
