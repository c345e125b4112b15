import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { connect } from 'amqplib';
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
import { openRabbitControl, RABBIT_FOLDERS, type RabbitControl, type RabbitNode, rabbitEnvironment } from './rabbitmq-control.ts';
import { RotatingClient } from './rotating-client.ts';
import { findProgram, freePorts, ServerProcess } from './server-process.ts';

const NODES = 3;
/** Jobs at the consumer for each one that it may handle at once, so that the connection is never idle. */
const AHEAD = 10;

/** A quorum queue: also Raft, with one group per queue. */
export const rabbitmq: Peer = {
  id: 'rabbitmq',
  name: 'RabbitMQ quorum queue',
  nodes: NODES,
  durability: 'Confirmed when a majority of 3 nodes has it on disk (fdatasync of the shared Raft log).',
  completion: 'Acknowledgements of consumers are sent and not confirmed.',
  settings:
    'Persistent messages, publisher confirms, prefetch of 10 jobs for each that may be handled at once, idle Erlang schedulers do not spin; the client talks to the leader.',
  addsInFlight: 2000,
  missing: () =>
    program() === undefined || epmd() === undefined ? 'rabbitmq-server is not installed (apt-get install rabbitmq-server)' : undefined,
  async start({ folder }) {
    const [epmdPort = 0, ...ports] = await freePorts(1 + 2 * NODES);
    const nodes = Array.from({ length: NODES }, (_, at): RabbitNode => {
      const [port = 0, distributionPort = 0] = ports.slice(2 * at);
      return { name: `peer${at}@localhost`, port, distributionPort, epmdPort, folder: join(folder, `node-${at}`), home: folder };
    });
    const cluster = new RabbitCluster(folder, nodes);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  },
};

// Debian's command on the path switches to another account; the command that it wraps runs as the current user.
const program = (): string | undefined => findProgram('rabbitmq-server', RABBIT_FOLDERS);
const epmd = (): string | undefined => findProgram('epmd');

class RabbitCluster implements RunningPeer {
  version = 'unknown';
  readonly client = clientVersions('amqplib');
  readonly failover = { findLeader: (queue: string) => this.#findLeader(queue) };
  readonly #folder: string;
  readonly #nodes: readonly RabbitNode[];
  readonly #control: RabbitControl;
  readonly #servers: ServerProcess[] = [];
  readonly #connections: (ChannelModel | undefined)[] = [];
  readonly #channels = new RotatingClient<ConfirmChannel>([]);
  #portMapper: ServerProcess | undefined;

  constructor(folder: string, nodes: readonly RabbitNode[]) {
    this.#folder = folder;
    this.#nodes = nodes;
    this.#control = openRabbitControl(nodes);
  }

  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, '.erlang.cookie'), randomBytes(16).toString('hex'), { mode: 0o400 });
    // Erlang would start another port mapper and leave it running.
    this.#portMapper = ServerProcess.start({
      name: 'epmd',
      command: epmd() ?? 'epmd',
      args: ['-port', String(this.#nodes[0]?.epmdPort), '-address', '127.0.0.1'],
      folder: this.#folder,
      logFile: join(this.#folder, 'epmd.log'),
    });
    for (const node of this.#nodes) {
      mkdirSync(node.folder, { recursive: true });
      writeFileSync(join(node.folder, 'rabbitmq.conf'), this.#configuration(node));
      writeFileSync(join(node.folder, 'enabled_plugins'), '[].\n');
      this.#servers.push(this.#startNode(node));
    }
    await Promise.all(this.#nodes.map((_, at) => this.#servers[at]?.waitUntilReady(() => this.#connect(at))));
    await this.#control.waitForNodes(NODES);
  }

  async openQueue(name: string): Promise<PeerQueue> {
    await this.#channels.use((channel) => channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } }));
    await this.#untilWhole(name);
    return {
      add: (payload) => this.#channels.use((channel) => publish(channel, name, payload)),
      consume: (options) => this.#consume(name, options),
      close: async () => void (await this.#channels.use((channel) => channel.deleteQueue(name))),
    };
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#connections.map((connection) => connection?.close()));
    // SIGTERM to the process group stops Erlang gracefully.
    await Promise.all(this.#servers.map((server) => server.stop()));
    await this.#portMapper?.stop();
  }

  #configuration({ port }: RabbitNode): string {
    return [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      'cluster_formation.peer_discovery_backend = classic_config',
      ...this.#nodes.map(({ name }, at) => `cluster_formation.classic_config.nodes.${at + 1} = ${name}`),
      'cluster_partition_handling = ignore',
      'disk_free_limit.absolute = 50MB',
      'log.console = true',
      'log.console.level = warning',
      'log.file = false',
      '',
    ].join('\n');
  }

  #startNode(node: RabbitNode): ServerProcess {
    return ServerProcess.start({
      name: node.name,
      command: program() ?? 'rabbitmq-server',
      args: [],
      env: rabbitEnvironment(node),
      folder: node.folder,
      logFile: join(node.folder, 'server.log'),
    });
  }

  async #connect(at: number): Promise<void> {
    const connection = await connect(
      { hostname: '127.0.0.1', port: this.#nodes[at]?.port ?? 0, heartbeat: 0 },
      { noDelay: true, timeout: 5000 },
    );
    const gone = (): void => {
      if (this.#connections[at] !== connection) return;
      this.#connections[at] = undefined;
      this.#channels.replace(at, undefined);
    };
    connection.on('error', gone);
    connection.on('close', gone);
    const channel = await connection.createConfirmChannel();
    channel.on('error', gone);
    this.#connections[at] = connection;
    this.#channels.replace(at, channel);
    const { version } = connection.connection.serverProperties;
    this.version = String(version);
  }

  /** Waits until the queue has a leader and every member has all of it, then connects to the leader. */
  async #untilWhole(queue: string): Promise<number> {
    const leader = await this.#control.waitForMembers(queue, NODES);
    const at = this.#nodes.findIndex(({ name }) => name === leader);
    this.#channels.prefer(at);
    return at;
  }

  async #findLeader(queue: string): Promise<LeaderFaults> {
    const at = await this.#untilWhole(queue);
    // A channel whose first message for a queue falls into the time without a leader has every later one rejected (seen with 3.10);
    // channels that the queue knows continue to work. Clients that publish continuously have such channels.
    await Promise.all(this.#channels.all().map((channel) => publish(channel, queue, new Uint8Array(1))));
    return {
      kill: async () => this.#servers[at]?.kill(),
      restart: async () => {
        const node = this.#nodes[at];
        if (node === undefined) return;
        const server = this.#startNode(node);
        this.#servers[at] = server;
        await server.waitUntilReady(() => this.#connect(at));
        await this.#untilWhole(queue);
      },
      pause: async () => {
        this.#channels.avoidSilentNodes(CLIENT_SILENCE_MS);
        this.#servers[at]?.pause();
      },
      resume: async () => {
        this.#servers[at]?.resume();
        this.#channels.avoidSilentNodes(undefined);
        await this.#untilWhole(queue);
      },
    };
  }

  async #consume(name: string, { concurrency, onCompleted, onError }: PeerConsumerOptions): Promise<PeerConsumer> {
    const connection = this.#connections[await this.#untilWhole(name)];
    if (connection === undefined) throw new Error('The leader cannot be reached.');
    const channel = await connection.createChannel();
    channel.on('error', onError);
    await channel.prefetch(AHEAD * concurrency);
    const { consumerTag } = await channel.consume(name, (message) => {
      if (message === null) return;
      channel.ack(message);
      onCompleted(1);
    });
    return {
      async close() {
        await channel.cancel(consumerTag);
        await channel.close();
      },
    };
  }
}

function publish(channel: ConfirmChannel, queue: string, payload: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.sendToQueue(queue, Buffer.from(payload), { persistent: true }, (error: unknown) => {
      if (error === null || error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}
