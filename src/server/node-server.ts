import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { asNodeId } from '../base/ids.ts';
import type { ClusterEndpoint } from '../client/endpoint.ts';
import type { NodeConfig } from '../config/node-config.ts';
import type { ConnectionNotice, NodeEvent } from '../node/event.ts';
import { RemoteNode } from '../remote/remote-node.ts';
import { type ChannelOptions, channelOptions } from '../transport/grpc/channel-options.ts';
import { ClusterService } from '../transport/grpc/cluster-service.ts';
import { GrpcPeers } from '../transport/grpc/grpc-peers.ts';
import { GrpcServer } from '../transport/grpc/grpc-server.ts';
import { type Introduced, Introductions } from '../transport/grpc/introductions.ts';
import { JobsService } from '../transport/grpc/jobs-service.ts';
import { PacketExchange } from '../transport/grpc/packet-exchange.ts';
import { RaftService } from '../transport/grpc/raft-service.ts';
import { CHANNEL_PROTOCOL } from '../transport/handshake.ts';
import type { PeerIdentity } from '../transport/peer-identity.ts';
import { clusterImplementation } from './cluster-implementation.ts';
import { type FormedCluster, formationOf, type Introduction, isSame } from './formation.ts';
import { NodeIdentity } from './node-identity.ts';
import type { FormationWait, PeerRejection } from './node-listeners.ts';
import { RunningNode } from './running-node.ts';
import { jobsImplementation } from './services/jobs-implementation.ts';
import { OwnClient } from './services/own-client.ts';

/** What a packet of a client may have beside its largest payload: a whole batch, see `ClientOptions.batchBytesMax`. */
const BATCH_BYTES_MAX = 65 * 1024 * 1024;
/** What a message has beside entries, packets or records. */
const ENVELOPE_BYTES_MAX = 1024 * 1024;
const ID_MAX = 2 ** 47;
/** The node's state, in its folder. */
export const FILE = 'jobraft.db';

export interface NodeServerOptions {
  readonly config: NodeConfig;
  readonly observe: (event: NodeEvent) => void;
  readonly onWaiting: (wait: FormationWait) => void;
  /** The node belongs to a cluster, and takes part in it. */
  readonly onFormed: () => void;
  readonly onPeerRejects: (rejection: PeerRejection) => void;
  /** Called at most once: the node has stopped by itself, or can never run with this configuration. It is to be disposed. */
  readonly onFailure: (error: unknown) => void;
}

/** One node of a cluster as a process: its file, its peers and clients by gRPC, on one address. */
export class NodeServer implements AsyncDisposable {
  readonly #options: NodeServerOptions;
  readonly #identity: NodeIdentity;
  readonly #addresses: ReadonlyMap<number, string>;
  readonly #channelOptions: ChannelOptions;
  readonly #server: GrpcServer;
  readonly #peers: GrpcPeers;
  readonly #clients: PacketExchange;
  readonly #introductions: Introductions;
  readonly #client: OwnClient;
  /** By their id, as the node's own client reaches them. */
  readonly #nodes = new Map<number, RemoteNode>();
  readonly #replies = new Map<number, Introduction>();
  readonly #life = randomInt(1, ID_MAX);
  readonly #startedMs = Date.now();
  #node: RunningNode | undefined;
  #isDisposed = false;
  #hasFailed = false;

  /** Binds its address. @throws {ConfigError | StorageError} */
  static async start(options: NodeServerOptions): Promise<NodeServer> {
    const { config } = options;
    const identity = NodeIdentity.open(config.dataDir, config.cluster, config.id);
    let server: NodeServer | undefined;
    try {
      checkFounders(config, identity.formed);
      server = new NodeServer(options, identity);
      await server.#server.listen(server.#addressOf(config.id), 'nodes');
      server.#open();
      return server;
    } catch (error) {
      if (server === undefined) identity[Symbol.dispose]();
      else await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: NodeServerOptions, identity: NodeIdentity) {
    const { config } = options;
    const packetBytesMax = config.limits.payloadBytesMax + BATCH_BYTES_MAX;
    const messageBytesMax = messageBytesMaxOf(config, packetBytesMax);
    this.#options = options;
    this.#identity = identity;
    this.#addresses = new Map(config.nodes.map(({ id, address }) => [id, address]));
    this.#channelOptions = channelOptions(messageBytesMax);
    this.#server = new GrpcServer({
      messageBytesMax,
      onDropped: (peer, reason) => this.#observe({ type: 'connection-dropped', peer, reason }),
    });
    this.#peers = this.#newPeers();
    this.#clients = this.#newClients(packetBytesMax);
    const others = new Map([...this.#addresses].filter(([node]) => node !== config.id));
    this.#introductions = new Introductions({
      own: () => this.#introduced(),
      addresses: others,
      channelOptions: this.#channelOptions,
      onIntroduced: (other, node) => this.#onIntroduced(other, node),
    });
    this.#client = new OwnClient({
      endpoint: this.#ownEndpoint(),
      payloadBytesMax: config.limits.payloadBytesMax,
      status: () => this.#node?.status,
    });
    this.#server.addService(RaftService.service, { ...this.#peers.implementation(), Introduce: this.#introductions.serve });
    const implementation = clusterImplementation({
      exchange: this.#clients.serve,
      addresses: this.#addresses,
      clusterName: config.cluster,
      startedMs: this.#startedMs,
      node: () => this.#node,
      cluster: () => identity.formed?.cluster ?? 0,
      unreachable: () => this.#peers.unreachable(),
      nodeId: config.id,
      client: this.#client,
    });
    this.#server.addService(ClusterService.service, implementation);
    this.#server.addService(JobsService.service, jobsImplementation(this.#client.get));
  }

  /** Undefined until the cluster is formed. */
  get node(): RunningNode | undefined {
    return this.#node;
  }

  /** Hands leadership over, replies to what was committed, and leaves nothing to clean. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#introductions[Symbol.dispose]();
    try {
      await this.#client[Symbol.asyncDispose]();
      await this.#node?.[Symbol.asyncDispose]();
    } finally {
      for (const node of this.#nodes.values()) node[Symbol.dispose]();
      this.#clients[Symbol.dispose]();
      this.#peers[Symbol.dispose]();
      await this.#server[Symbol.asyncDispose]();
      this.#identity[Symbol.dispose]();
    }
  }

  #ownEndpoint(): ClusterEndpoint {
    return {
      nodeIds: () => [...this.#addresses.keys()],
      openChannel: (node, handlers) => {
        const { formed } = this.#identity;
        if (formed === undefined) return undefined;
        const remote = this.#nodes.get(node) ?? new RemoteNode(this.#addressOf(node));
        this.#nodes.set(node, remote);
        return remote.openChannel({ protocol: CHANNEL_PROTOCOL, node, cluster: formed.cluster }, handlers);
      },
    };
  }

  #open(): void {
    const { formed } = this.#identity;
    if (formed !== undefined) this.#run(formed);
    else if (this.#addresses.size === 1) this.#tryToForm();
    else this.#introductions.start();
  }

  #newPeers(): GrpcPeers {
    return new GrpcPeers({
      own: () => this.#peerIdentity(),
      random: Math.random,
      channelOptions: this.#channelOptions,
      events: {
        onParts: (from, parts, bytes) => this.#node?.events.onParts(from, parts, bytes) ?? 0,
        onLost: (peer) => this.#node?.events.onLost(peer),
        onReadable: () => this.#node?.events.onReadable(),
        onRejected: (peer, { message }) => this.#onPeerRejects(peer, message),
      },
    });
  }

  #newClients(packetBytesMax: number): PacketExchange {
    const { id } = this.#options.config;
    return new PacketExchange({
      own: () => {
        const { formed } = this.#identity;
        return this.#node === undefined || formed === undefined
          ? undefined
          : { protocol: CHANNEL_PROTOCOL, node: id, cluster: formed.cluster };
      },
      packetBytesMax,
      // The start differs between the lives of a node, so that no reply to a client of an earlier life reaches one of this life.
      firstConnection: randomInt(1, 2 ** 20) * 2 ** 32,
      onPacket: (connection, packet) => this.#node?.runtime.receiveClientPacket(connection, packet) ?? 0,
      onGone: (connection) => this.#node?.runtime.clientGone(connection),
      onWrite: (peer, bytes) => this.#server.onWrite(peer, bytes),
      onReadable: () => this.#node?.events.onReadable(),
    });
  }

  #addressOf(node: number): string {
    return this.#addresses.get(node) ?? '';
  }

  #peerIdentity(): PeerIdentity {
    const { runtime } = this.#node ?? {};
    return {
      cluster: this.#identity.formed?.cluster ?? 0,
      node: this.#options.config.id,
      disk: runtime?.view.disk ?? this.#identity.disk,
      generation: runtime?.generation.current ?? 0,
      life: this.#life,
    };
  }

  #introduced(): Omit<Introduced, 'protocol'> {
    const { config } = this.#options;
    const { formed, disk } = this.#identity;
    const { cluster, founders } = formed ?? { cluster: 0, founders: [] };
    return { clusterName: config.cluster, node: config.id, disk, nodes: [...this.#addresses.keys()], cluster, founders };
  }

  /** Only what a node of the configuration replies counts: anyone can call. */
  #onIntroduced({ cluster, founders, ...other }: Introduced, node: number | undefined): void {
    if (node === undefined || this.#isDisposed || this.#hasFailed || this.#node !== undefined) return;
    this.#replies.set(node, { ...other, formed: cluster === 0 ? undefined : { cluster, founders } });
    this.#tryToForm();
  }

  #tryToForm(): void {
    const { config, onWaiting } = this.#options;
    const own = { ...this.#introduced(), protocol: CHANNEL_PROTOCOL, formed: undefined };
    const formation = formationOf(own, this.#replies);
    if (formation.type === 'waiting') onWaiting(formation);
    else if (formation.type === 'rejected') this.#fail(new ConfigError('cluster', config.cluster, formation.reason));
    else this.#form(formation.cluster);
  }

  #form(formed: FormedCluster): void {
    try {
      checkFounders(this.#options.config, formed);
      this.#identity.onFormed(formed);
      this.#run(formed);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws {StorageError} */
  #run(formed: FormedCluster): void {
    const { config, observe, onFormed } = this.#options;
    this.#introductions[Symbol.dispose]();
    this.#node = new RunningNode({
      ...{ config, identity: this.#identity, formed, observe, onFailure: (error) => this.#fail(error) },
      file: join(config.dataDir, FILE),
      outlets: {
        sendToPeer: (to, frame) => this.#peers.send(to, frame),
        sendToClient: (connection, packet) => this.#clients.send(connection, packet),
        onTurn: () => {
          this.#clients.onTurn();
          this.#peers.onTurn();
        },
      },
    });
    this.#peers.setAddresses(this.#addresses);
    onFormed();
  }

  #onPeerRejects(peer: number, reason: string): void {
    const address = this.#addressOf(peer);
    this.#observe({ type: 'peer-rejects', peer: asNodeId(peer), address, reason });
    this.#options.onPeerRejects({ peer, address, reason });
  }

  #observe(notice: ConnectionNotice): void {
    this.#options.observe({ ...notice, node: asNodeId(this.#options.config.id), atMs: performance.now() });
  }

  #fail(error: unknown): void {
    if (this.#hasFailed || this.#isDisposed) return;
    this.#hasFailed = true;
    this.#options.onFailure(error);
  }
}

/** What a turn sends to one peer, and one request, entry or record, however large. */
function messageBytesMaxOf({ raft, limits }: NodeConfig, packetBytesMax: number): number {
  // Small entries have up to their own size beside their data.
  const turnBytesMax = Math.max(2 * raft.messageBytesMax, limits.entryBytesMax, limits.snapshotChunkBytes, limits.turnBytesMax);
  return turnBytesMax + packetBytesMax + ENVELOPE_BYTES_MAX;
}

/** The members of a cluster are those that it was formed with, until they can be changed. @throws {ConfigError} */
function checkFounders({ nodes }: NodeConfig, formed: FormedCluster | undefined): void {
  const given = nodes.map(({ id }) => id);
  const founders = formed?.founders.map(({ node }) => node) ?? given;
  if (!isSame(given, founders))
    throw new ConfigError('nodes', given, `The cluster was formed with the nodes ${founders.join(', ')}. Give these.`);
}
