import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, type JetStreamClient, type JetStreamManager, jetstream, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { clientVersions } from './client-version.ts';
import {
  CLIENT_SILENCE_MS,
  type LeaderFaults,
  type Peer,
  type PeerConsumer,
  type PeerConsumerOptions,
  type PeerQueue,
  type RunningPeer,
} from './peer.ts';
import { RotatingClient } from './rotating-client.ts';
import { findProgram, freePorts, ServerProcess, versionOf, within } from './server-process.ts';

const NODES = 3;
const CALL_MS_MAX = 5000;
const CATCH_UP_MS_MAX = 60_000;
/** Jobs at the consumer for each one that it may handle at once, so that the connection is never idle. */
const AHEAD = 10;
const FILE_STORE = '16GB';

/** A replicated stream used as a work queue. */
export const nats: Peer = {
  id: 'nats',
  name: 'NATS JetStream',
  nodes: NODES,
  durability:
    'Acknowledged when a majority of 3 nodes has it in the page cache; nothing is synced to disk before the acknowledgement (a sync every 2 minutes; 2.9 has no setting for it).',
  completion: 'Acknowledgements of consumers are sent and not confirmed.',
  settings:
    'File storage, 3 replicas, work-queue retention, a pull consumer that is sent 10 jobs for each it may handle at once; the client talks to the leader of the stream.',
  addsInFlight: 1000,
  missing: () => (program() === undefined ? 'nats-server is not installed (apt-get install nats-server)' : undefined),
  async start({ folder }) {
    const ports = await freePorts(2 * NODES);
    const nodes = Array.from({ length: NODES }, (_, at): NatsNode => {
      return { name: `nats-${at}`, port: ports[2 * at] ?? 0, routePort: ports[2 * at + 1] ?? 0, folder: join(folder, `node-${at}`) };
    });
    const cluster = new NatsCluster(nodes);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  },
};

const program = (): string | undefined => findProgram('nats-server');

interface NatsNode {
  readonly name: string;
  readonly port: number;
  readonly routePort: number;
  readonly folder: string;
}

class NatsCluster implements RunningPeer {
  readonly version: string;
  readonly client = clientVersions('@nats-io/jetstream', '@nats-io/transport-node');
  readonly failover = { findLeader: (queue: string) => this.#findLeader(queue) };
  readonly #nodes: readonly NatsNode[];
  readonly #servers: ServerProcess[] = [];
  readonly #connections: NatsConnection[] = [];
  readonly #clients = new RotatingClient<JetStreamClient>([]);
  readonly #program: string;

  constructor(nodes: readonly NatsNode[]) {
    this.#nodes = nodes;
    this.#program = program() ?? 'nats-server';
    this.version = versionOf(this.#program, '--version');
  }

  async start(): Promise<void> {
    for (const node of this.#nodes) {
      mkdirSync(node.folder, { recursive: true });
      writeFileSync(join(node.folder, 'server.conf'), this.#configuration(node));
      this.#servers.push(this.#startNode(node));
    }
    await Promise.all(this.#nodes.map((node, at) => this.#servers[at]?.waitUntilReady(() => this.#connect(node, at))));
    // Streams can be created once the nodes have elected the leader of their meta group.
    await this.#servers[0]?.waitUntilReady(() => this.#manage((manager) => manager.getAccountInfo()));
  }

  async openQueue(name: string): Promise<PeerQueue> {
    await this.#servers[0]?.waitUntilReady(() =>
      this.#manage((manager) =>
        manager.streams.add({
          name,
          subjects: [name],
          num_replicas: NODES,
          storage: StorageType.File,
          retention: RetentionPolicy.Workqueue,
        }),
      ),
    );
    await this.#untilCurrent(name);
    return {
      add: async (payload) => void (await this.#clients.use((client) => client.publish(name, payload))),
      consume: (options) => this.#consume(name, options),
      close: async () => void (await this.#manage((manager) => manager.streams.delete(name))),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  #configuration({ name, port, routePort, folder }: NatsNode): string {
    const routes = this.#nodes.map((other) => `nats://127.0.0.1:${other.routePort}`).join(', ');
    return [
      `server_name: ${name}`,
      `listen: 127.0.0.1:${port}`,
      `jetstream { store_dir: "${join(folder, 'store')}", max_file_store: ${FILE_STORE} }`,
      `cluster { name: peers, listen: 127.0.0.1:${routePort}, routes: [${routes}] }`,
      '',
    ].join('\n');
  }

  #startNode({ name, folder }: NatsNode): ServerProcess {
    return ServerProcess.start({
      name,
      command: this.#program,
      args: ['-c', join(folder, 'server.conf')],
      folder,
      logFile: join(folder, 'server.log'),
    });
  }

  async #connect({ port }: NatsNode, at: number): Promise<void> {
    const connection = await connect({
      servers: `127.0.0.1:${port}`,
      ignoreClusterUpdates: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      timeout: CALL_MS_MAX,
    });
    this.#connections.push(connection);
    const client = jetstream(connection);
    this.#clients.replace(at, client);
    const follow = async (): Promise<void> => {
      for await (const { type } of connection.status()) {
        if (type === 'disconnect') this.#clients.replace(at, undefined);
        if (type === 'reconnect') this.#clients.replace(at, client);
      }
    };
    // Ends with the connection.
    void follow();
  }

  #manage<T>(ask: (manager: JetStreamManager) => Promise<T>): Promise<T> {
    return this.#clients.use(async (client) => ask(await client.jetstreamManager()));
  }

  /** Waits until the stream has a leader and every replica has all messages, then connects to the leader. */
  async #untilCurrent(stream: string): Promise<number> {
    const deadlineMs = performance.now() + CATCH_UP_MS_MAX;
    while (performance.now() < deadlineMs) {
      const leader = await this.#manage((manager) => manager.streams.info(stream)).then(
        ({ cluster }) => {
          const replicas = cluster?.replicas ?? [];
          const isWhole = replicas.length === NODES - 1 && replicas.every(({ current, offline }) => current && offline !== true);
          return isWhole ? cluster?.leader : undefined;
        },
        () => undefined,
      );
      const at = this.#nodes.findIndex(({ name }) => name === leader);
      if (at >= 0) {
        this.#clients.prefer(at);
        return at;
      }
      await sleep(50);
    }
    throw new Error(`The replicas of the stream ${stream} were not complete within ${CATCH_UP_MS_MAX} ms.`);
  }

  async #findLeader(stream: string): Promise<LeaderFaults> {
    const at = await this.#untilCurrent(stream);
    return {
      kill: async () => this.#servers[at]?.kill(),
      restart: async () => {
        const node = this.#nodes[at];
        if (node === undefined) return;
        this.#servers[at] = this.#startNode(node);
        await this.#untilCurrent(stream);
      },
      pause: async () => {
        this.#clients.avoidSilentNodes(CLIENT_SILENCE_MS);
        this.#servers[at]?.pause();
      },
      resume: async () => {
        this.#servers[at]?.resume();
        this.#clients.avoidSilentNodes(undefined);
        await this.#untilCurrent(stream);
      },
    };
  }

  async #consume(name: string, { concurrency, onCompleted, onError }: PeerConsumerOptions): Promise<PeerConsumer> {
    await this.#manage((manager) =>
      manager.consumers.add(name, { durable_name: 'worker', ack_policy: AckPolicy.Explicit, max_ack_pending: AHEAD * concurrency }),
    );
    const consumer = await this.#clients.use((client) => client.consumers.get(name, 'worker'));
    const messages = await consumer.consume({
      max_messages: AHEAD * concurrency,
      callback: (message) => {
        message.ack();
        onCompleted(1);
      },
    });
    const ended = messages.closed().then((error) => {
      if (error instanceof Error) onError(error);
    });
    return {
      async close() {
        await messages.close();
        await within(CALL_MS_MAX, 'the end of the consumer', ended);
      },
    };
  }
}
