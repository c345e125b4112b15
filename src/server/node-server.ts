import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { asNodeId } from '../base/ids.ts';
import { isLoopback, type NodeAddress } from '../config/node-config.ts';
import type { ConnectionNotice } from '../node/event.ts';
import type { Configuration } from '../raft/entry.ts';
import { isVotersDisk } from '../raft/membership.ts';
import { membersOf } from '../raft/quorum.ts';
import { nodeGuard } from '../transport/grpc/caller.ts';
import { channelOptions } from '../transport/grpc/channel-options.ts';
import type { Channels } from '../transport/grpc/channel-security.ts';
import { ClientBounds } from '../transport/grpc/client-bounds.ts';
import { ClusterService } from '../transport/grpc/cluster-service.ts';
import { GrpcPeers } from '../transport/grpc/grpc-peers.ts';
import { GrpcServer } from '../transport/grpc/grpc-server.ts';
import { type Introduced, Introductions } from '../transport/grpc/introductions.ts';
import { JobsService } from '../transport/grpc/jobs-service.ts';
import { PacketExchange } from '../transport/grpc/packet-exchange.ts';
import { RaftService } from '../transport/grpc/raft-service.ts';
import { CHANNEL_PROTOCOL } from '../transport/handshake.ts';
import type { PeerIdentity } from '../transport/peer-identity.ts';
import { AccessControl } from './access/access-control.ts';
import { AddressBook } from './address-book.ts';
import { clusterImplementation } from './cluster-implementation.ts';
import { NodeRemovedError } from './errors.ts';
import { type FormedCluster, formationOf, type Introduction } from './formation.ts';
import { HolderService } from './holders/holder-service.ts';
import { Joining } from './joining.ts';
import { MemberService } from './member-service.ts';
import { clientBoundsOf, messageBounds } from './message-bounds.ts';
import { NodeIdentity } from './node-identity.ts';
import type { NodeServerOptions } from './node-server-options.ts';
import { RebuildService } from './rebuild-service.ts';
import { RunningNode } from './running-node.ts';
import { jobsImplementation } from './services/jobs-implementation.ts';
import { MemberChannels } from './services/member-channels.ts';
import { OwnClient } from './services/own-client.ts';

const ID_MAX = 2 ** 47;
/** The node's state, in its folder. */
export const FILE = 'jobraft.db';

/** One node of a cluster as a process: its file, its peers and clients by gRPC, on one address. */
export class NodeServer implements AsyncDisposable {
  readonly #options: NodeServerOptions;
  readonly #identity: NodeIdentity;
  readonly #book: AddressBook;
  readonly #outgoing: Channels;
  readonly #server: GrpcServer;
  readonly #bounds: ClientBounds;
  readonly #access: AccessControl;
  readonly #peers: GrpcPeers;
  readonly #clients: PacketExchange;
  readonly #introductions: Introductions;
  readonly #channels: MemberChannels;
  readonly #client: OwnClient;
  readonly #members: MemberService;
  readonly #holders: HolderService;
  readonly #replies = new Map<number, Introduction>();
  readonly #life = randomInt(1, ID_MAX);
  readonly #startedMs = Date.now();
  #node: RunningNode | undefined;
  #joining: Joining | undefined;
  /** The one by which the peers' channels are open. */
  #configuration: Configuration | undefined;
  #isDisposed = false;
  #hasFailed = false;

  /** Binds its address. @throws {ConfigError | StorageError} */
  static async start(options: NodeServerOptions): Promise<NodeServer> {
    const { config } = options;
    const identity = NodeIdentity.open(config.dataDir, config.cluster, config.id);
    let server: NodeServer | undefined;
    try {
      server = new NodeServer(options, identity);
      await server.#server.listen(server.#ownAddress, 'nodes');
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
    const { packetBytesMax, messageBytesMax } = messageBounds(config);
    const addressOf = (node: number): string | undefined => this.#book.addressOf(node);
    [this.#options, this.#identity] = [options, identity];
    this.#book = new AddressBook({
      ...{ own: config.id, stored: identity.addresses, store: (stored) => identity.onAddresses(stored) },
      // Without certificates only nodes of this machine are called, unless the configuration accepts others.
      isAllowed: (address) => options.tls !== undefined || config.insecure || isLoopback(address),
    });
    this.#book.onConfigured(config.nodes);
    this.#outgoing = { options: channelOptions(messageBytesMax), security: options.security };
    this.#bounds = new ClientBounds(clientBoundsOf(config));
    this.#server = new GrpcServer({
      ...{ messageBytesMax, tls: options.tls, bounds: this.#bounds },
      onDropped: (peer, reason) => this.#observe({ type: 'connection-dropped', peer, reason }),
    });
    this.#access = this.#newAccess();
    this.#peers = this.#newPeers();
    this.#clients = this.#newClients(packetBytesMax);
    this.#introductions = new Introductions({
      own: () => this.#introduced(),
      addresses: new Map(this.#others().map(({ id, address }) => [id, address])),
      channels: this.#outgoing,
      onIntroduced: (other, node) => this.#onIntroduced(other, node),
    });
    this.#channels = new MemberChannels({
      ...{ own: config.id, security: options.security, nodeIds: () => this.#memberIds(), addressOf },
      cluster: () => identity.formed?.cluster,
    });
    this.#client = new OwnClient({
      ...{ endpoint: this.#channels, payloadBytesMax: config.limits.payloadBytesMax },
      status: () => this.#node?.status,
    });
    this.#members = new MemberService({
      ...{ book: this.#book, channels: this.#outgoing, control: this.#client.members },
      own: () => this.#introduced(),
      members: () => this.#memberIds(),
      onAdded: (node, address) => this.#onAddress(node, address, true),
    });
    this.#holders = new HolderService({
      ...{ config, security: options.security, addressOf, view: () => this.#node?.runtime.view, client: this.#client },
      cluster: () => identity.formed?.cluster ?? 0,
      unreachable: () => this.#peers.unreachable(),
    });
    this.#addServices();
  }

  #addServices(): void {
    const { config } = this.#options;
    const raft = {
      ...this.#peers.implementation(),
      ...this.#members.implementation(),
      ...this.#holders.implementation(),
      ...new RebuildService({
        cluster: () => this.#identity.formed?.cluster ?? 0,
        ask: (node, question) => this.#node?.rebuildReply(node, question),
      }).implementation(),
      Introduce: this.#introductions.serve,
    };
    this.#server.addService(RaftService.service, raft, nodeGuard);
    const implementation = clusterImplementation({
      ...{ nodeId: config.id, clusterName: config.cluster, startedMs: this.#startedMs, client: this.#client, members: this.#members },
      exchange: this.#clients.serve,
      addresses: () => this.#book.of(this.#memberIds()),
      node: () => this.#node,
      cluster: () => this.#identity.formed?.cluster ?? 0,
      unreachable: () => this.#peers.unreachable(),
    });
    this.#access.addService('Cluster', ClusterService.service, implementation);
    this.#access.addService('Jobs', JobsService.service, jobsImplementation(this.#client.serve));
  }

  /** How many members the cluster has, as far as this node knows. */
  get memberCount(): number {
    return this.#memberIds().length;
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
    this.#joining?.[Symbol.dispose]();
    this.#holders[Symbol.dispose]();
    try {
      await this.#client[Symbol.asyncDispose]();
      await this.#node?.[Symbol.asyncDispose]();
    } finally {
      this.#channels[Symbol.dispose]();
      this.#clients[Symbol.dispose]();
      this.#peers[Symbol.dispose]();
      await this.#server[Symbol.asyncDispose]();
      this.#identity[Symbol.dispose]();
    }
  }

  /** @throws {StorageError | NodeRemovedError} */
  #open(): void {
    const { config } = this.#options;
    const { formed, isJoining } = this.#identity;
    if (formed !== undefined) this.#run(formed);
    if (config.join || isJoining) this.#join();
    else if (formed === undefined) {
      if (config.nodes.length === 1) this.#tryToForm();
      else this.#introductions.start();
    } else if (!this.#memberIds().includes(config.id)) throw new NodeRemovedError(config.id, config.dataDir);
  }

  #join(): void {
    if (this.#identity.formed !== undefined) this.#identity.onJoining();
    this.#joining = new Joining({
      ...{ config: this.#options.config, channels: this.#outgoing },
      own: () => this.#introduced(),
      others: () => this.#others(),
      isVoter: () => this.#isVoter(),
      onFound: ({ formed, addresses }) => {
        for (const { id, address } of addresses) this.#onAddress(id, address);
        this.#identity.onFormed(formed, true);
        this.#run(formed);
      },
    });
    this.#joining.run().then(
      (isVoter) => {
        if (!isVoter || this.#isDisposed) return;
        this.#identity.onJoined();
        this.#joining = undefined;
        this.#options.onJoined();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #newAccess(): AccessControl {
    const { tokens, config, audit: auditLog } = this.#options;
    tokens?.onRenewed(() => this.#server.recheckCalls());
    return new AccessControl({
      ...{ tokens, auditLog, server: this.#server, isRateBounded: config.clientRequestsPerSecondMax > 0 },
      queueOf: (jobId) => this.#node?.runtime.machine.queueOf(jobId) ?? { type: 'not-applied' },
    });
  }

  #newPeers(): GrpcPeers {
    return new GrpcPeers({
      own: () => this.#peerIdentity(),
      address: this.#ownAddress,
      onAddress: (node, address) => this.#onAddress(node, address),
      otherAddresses: (node) => this.#book.othersOf(node),
      onReached: (node, address) => this.#book.onReached(node, address),
      random: Math.random,
      channels: this.#outgoing,
      events: {
        onParts: (from, parts, bytes) => this.#node?.events.onParts(from, parts, bytes) ?? 0,
        onLost: (peer) => this.#node?.events.onLost(peer),
        onReadable: () => this.#node?.events.onReadable(),
        onRejected: (peer, { message }) => this.#onPeerRejects(peer, message),
      },
    });
  }

  #newClients(packetBytesMax: number): PacketExchange {
    return new PacketExchange({
      own: () => {
        const { cluster } = this.#identity.formed ?? {};
        return this.#node && cluster !== undefined ? { protocol: CHANNEL_PROTOCOL, node: this.#options.config.id, cluster } : undefined;
      },
      ...{ packetBytesMax, screen: this.#access.screen, watch: this.#access.audit },
      // The start differs between the lives of a node, so that no reply to a client of an earlier life reaches one of this life.
      firstConnection: randomInt(1, 2 ** 20) * 2 ** 32,
      onPacket: (connection, packet) => this.#node?.runtime.receiveClientPacket(connection, packet) ?? 0,
      onGone: (connection) => this.#node?.runtime.clientGone(connection),
      onHolder: (holder, peer) => this.#holders.onOpened(holder, this.#server.connectionOf(peer)),
      onWrite: (peer, bytes) => this.#server.onWrite(peer, bytes),
      onReadable: () => this.#node?.events.onReadable(),
    });
  }

  get #ownAddress(): string {
    const { id, nodes } = this.#options.config;
    return nodes.find((node) => node.id === id)?.address ?? '';
  }

  /** The members by the configuration in force; before there is one, all nodes that are known. */
  #memberIds(): readonly number[] {
    const configuration = this.#node?.runtime.view.configuration;
    const members = configuration === undefined ? [] : membersOf(configuration);
    return members.length === 0 ? this.#book.nodes : members;
  }

  #others(): NodeAddress[] {
    const { id: own } = this.#options.config;
    return [...this.#book.of(this.#memberIds())].filter(([id]) => id !== own).map(([id, address]) => ({ id, address }));
  }

  /** Whether a leader counts this node, with its disk. */
  #isVoter(): boolean {
    const id = asNodeId(this.#options.config.id);
    const view = this.#node?.runtime.view;
    if (view?.leader === undefined || view.isRemoved) return false;
    return view.configuration.voters.includes(id) && isVotersDisk(view.configuration, id, view.disk);
  }

  /** @param isAdded a node was added there; else it says, or another one, that it listens there. */
  #onAddress(node: number, address: string, isAdded = false): void {
    if (this.#isDisposed) return;
    const isCalledThere = isAdded ? this.#book.onAdded(node, address) : this.#book.learn(node, address);
    if (isCalledThere && this.#node !== undefined) this.#dial();
  }

  #dial(): void {
    this.#peers.setAddresses(this.#book.of(this.#memberIds()));
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
    const nodes = formed === undefined ? config.nodes.map(({ id }) => id) : [...this.#memberIds()];
    return { clusterName: config.cluster, node: config.id, disk, nodes, cluster, founders };
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
      this.#identity.onFormed(formed);
      this.#run(formed);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @throws {StorageError} */
  #run(formed: FormedCluster): void {
    const { config, keys, observe, onFormed } = this.#options;
    this.#introductions[Symbol.dispose]();
    this.#node = new RunningNode({
      ...{ config, identity: this.#identity, formed, observe, onFailure: (error) => this.#fail(error) },
      file: join(config.dataDir, FILE),
      keys,
      outlets: {
        sendToPeer: (to, frame) => this.#peers.send(to, frame),
        sendToClient: (connection, packet) => this.#clients.send(connection, packet),
        onTurn: () => this.#onTurn(),
        withoutChannel: () => this.#peers.unreachable().map(({ node }) => node),
        clientRejections: () => this.#bounds.rejected,
      },
    });
    this.#configuration = this.#node.runtime.view.configuration;
    this.#dial();
    onFormed();
  }

  #onPeerRejects(peer: number, reason: string): void {
    const address = this.#book.addressOf(peer) ?? '';
    this.#observe({ type: 'peer-rejects', peer: asNodeId(peer), address, reason });
    this.#options.onPeerRejects({ peer, address, reason });
  }

  #observe(notice: ConnectionNotice): void {
    this.#options.observe({ ...notice, node: asNodeId(this.#options.config.id), atMs: performance.now() });
  }

  #onTurn(): void {
    this.#clients.onTurn();
    this.#peers.onTurn();
    const view = this.#node?.runtime.view;
    if (view === undefined) return;
    this.#channels.onLeader(view.leader);
    if (view.configuration !== this.#configuration) {
      this.#configuration = view.configuration;
      this.#dial();
    }
    const { id, dataDir } = this.#options.config;
    if (view.isRemoved && this.#joining === undefined) this.#fail(new NodeRemovedError(id, dataDir));
  }

  #fail(error: unknown): void {
    if (this.#hasFailed || this.#isDisposed) return;
    this.#hasFailed = true;
    this.#options.onFailure(error);
  }
}
