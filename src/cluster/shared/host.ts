import { HandshakeError } from '../../base/errors.ts';
import { Client } from '../../client/api/client.ts';
import { jsonFrame } from '../../transport/handshake.ts';
import type { SocketChannel } from '../../transport/socket-channel.ts';
import { type AcceptedChannel, SocketServer } from '../../transport/socket-server.ts';
import { Cluster } from '../cluster.ts';
import type { ClusterListeners } from '../cluster-listeners.ts';
import { recoveredCluster } from '../cluster-manifest.ts';
import { EndedHolders } from './ended-holders.ts';
import type { SharedSettings } from './host-boot.ts';
import { type HostFrame, type HostState, type ProcessHello, parseHello, parseProcessFrame } from './host-protocol.ts';
import { recordError } from './remote-error.ts';
import { hostSocket, makeSocketFolder, nodeSocket } from './shared-folder.ts';

/** A call is short; a longer frame closes the channel. */
const FRAME_BYTES_MAX = 1024 * 1024;
const UNSENT_BYTES_MAX = 16 * 1024 * 1024;
/** How soon the processes learn that a node stopped, or that a disk is full. */
const STATE_POLL_MS = 100;

/** The nodes of a shared cluster, and the processes that use them. */
export class Host {
  readonly #settings: SharedSettings;
  readonly #cluster: Cluster;
  readonly #client: Client;
  readonly #ended: EndedHolders;
  readonly #server: SocketServer;
  readonly #channels = new Set<SocketChannel>();
  #sentState = '';
  #isReleased = false;
  #poll: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {StorageError | ConfigError} */
  constructor(settings: SharedSettings, listeners: ClusterListeners) {
    const { dataDir, keys } = settings;
    this.#settings = settings;
    makeSocketFolder(dataDir);
    this.#cluster = new Cluster(settings, listeners, recoveredCluster(dataDir, keys), (node) => nodeSocket(dataDir, node));
    this.#client = new Client(this.#cluster);
    this.#ended = new EndedHolders(dataDir, this.#client);
    this.#server = new SocketServer({
      path: hostSocket(dataDir),
      folder: 'dataDir',
      frameBytesMax: FRAME_BYTES_MAX,
      unsentBytesMax: UNSENT_BYTES_MAX,
      onHello: (hello, channel) => this.#onHello(parseHello(hello), channel),
    });
  }

  /** Once it has started, other processes may connect. @throws as `startCluster`; then it must be closed. */
  async start(): Promise<void> {
    await this.#cluster.start();
    this.#ended.start();
    void Promise.resolve(this.#cluster.departedReleased).then(() => {
      this.#isReleased = true;
    });
    await this.#server.listen();
    this.#poll = setInterval(() => this.#sendState(), STATE_POLL_MS);
  }

  /** Stops the nodes; every process that uses them tries to host them then. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#poll);
    this.#ended[Symbol.dispose]();
    // It removes the path of its socket, which from the end of the cluster's lock on may be that of the next host.
    this.#server[Symbol.dispose]();
    await this.#cluster.close();
    await this.#client.close();
  }

  get #state(): HostState {
    const nodes = this.#cluster.nodeIds();
    const outage = this.#cluster.outageCause();
    return {
      nodes,
      running: nodes.filter((node) => this.#cluster.isRunning(node)),
      ...(outage === undefined ? {} : { outage: recordError(outage) }),
      isReleased: this.#isReleased,
    };
  }

  #sendState(): void {
    const frame: HostFrame = { type: 'state', state: this.#state };
    const text = JSON.stringify(frame);
    if (text === this.#sentState) return;
    this.#sentState = text;
    for (const channel of this.#channels) channel.send(jsonFrame(frame));
  }

  /** @throws {HandshakeError} */
  #onHello(hello: ProcessHello, channel: SocketChannel): AcceptedChannel {
    this.#checkSettings(hello);
    this.#channels.add(channel);
    return {
      welcome: { cluster: this.#cluster.id, pid: process.pid, state: this.#state },
      onFrame: (frame) => this.#onFrame(frame, channel),
      onClosed: () => {
        this.#channels.delete(channel);
        this.#ended.onChannelClosed();
      },
    };
  }

  /** @throws {HandshakeError} */
  #checkSettings({ nodes, durability }: ProcessHello): void {
    const { dataDir } = this.#settings;
    if (!this.#cluster.isNamedBy(nodes))
      throw new HandshakeError(
        `The folder ${dataDir} belongs to a cluster of the nodes ${this.#cluster.nodeIds().join(', ')}, and this process asks for ${nodes.join(', ')}. Give the same "nodes", or another "dataDir".`,
      );
    if (durability !== this.#settings.durability)
      throw new HandshakeError(
        `Process ${process.pid} hosts the cluster of ${dataDir} with durability "${this.#settings.durability}", and this process asks for "${durability}". Give all processes the same.`,
      );
  }

  #onFrame(bytes: Uint8Array, channel: SocketChannel): void {
    try {
      const frame = parseProcessFrame(bytes);
      if (frame.type === 'ping') channel.send(jsonFrame({ type: 'pong' } satisfies HostFrame));
      else void this.#execute(frame.call, () => Reflect.apply(this.#cluster[frame.method], this.#cluster, frame.args), channel);
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      channel.close();
      this.#channels.delete(channel);
    }
  }

  async #execute(call: number, run: () => unknown, channel: SocketChannel): Promise<void> {
    let reply: HostFrame;
    try {
      reply = { type: 'value', call, value: await run() };
    } catch (error) {
      reply = { type: 'error', call, error: recordError(error) };
    }
    // Before the reply, so that its receiver has the members that it asked for.
    this.#sendState();
    channel.send(jsonFrame(reply));
  }
}
