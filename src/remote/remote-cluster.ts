import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { status as Status } from '@grpc/grpc-js';
import { ConfigError, HandshakeError, type JobraftError } from '../base/errors.ts';
import { Client } from '../client/api/client.ts';
import { type TransactionCall, transact } from '../client/api/transact.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import { AdminRejectedError, ClusterClosedError, NoLeaderError } from '../client/errors.ts';
import { AccessDeniedError } from '../client/outage-errors.ts';
import { NODE_ID, parseSettings, WAIT_MS } from '../cluster/cluster-arguments.ts';
import { type ClusterMembers, MembershipController } from '../cluster/membership-controller.ts';
import type { BackupInfo } from '../cluster/take-backup.ts';
import { CLUSTER_SHAPE } from '../config/cluster-config.ts';
import { ADDRESS, INSECURE_REMEDY, isLoopback } from '../config/node-config.ts';
import type { LogEntryView, NodeStatus } from '../protocol/client-frame.ts';
import { TlsFiles } from '../security/tls-files.ts';
import { readSecret } from '../security/token-source.ts';
import type { ClientHello } from '../transport/client-hello.ts';
import { type ChannelSecurity, securedBy, UNSECURED } from '../transport/grpc/channel-security.ts';
import type { NodeStatusProto } from '../transport/grpc/cluster-service.ts';
import { CHANNEL_PROTOCOL } from '../transport/handshake.ts';
import type { ConnectSettings } from './connect-options.ts';
import { EndpointsUnreachableError } from './errors.ts';
import { HolderPresence } from './holder-presence.ts';
import { deniedIn, leaderIn, reasonOf, rejectionsIn, replacedIn, silenceOf, statusesOf, wrongAddress } from './node-replies.ts';
import { receiveBackup } from './remote-backup.ts';
import { RemoteNode } from './remote-node.ts';

const STATUS_MS_MAX = 1_000;
const POLL_MS = 50;
const LEADER_WAIT_MS = 10_000;
/** A call of a node's process that is stopped ends then. */
const ADMIN_CALL_MS_MAX = 2_000;
/** A node is added once those before it are. */
const ADD_MS_MAX = 90_000;
/** Ids of holders are random below this, so that two of one cluster practically never collide. */
const ID_MAX = 2 ** 47;
/** Members may have changed since the nodes were asked last. */
const REFRESH_EVERY_MS = 1_000;

/** A cluster whose nodes are processes, by gRPC: what queues and workers take as their connection. */
export class RemoteCluster implements ClusterEndpoint, AsyncDisposable {
  /** Adds, ends and changes jobs of any queues at once, or does nothing: see `Transaction`. @throws {TransactionError | TransactionTooLargeError} */
  readonly transaction: TransactionCall = (build) => transact(this, build);
  readonly #settings: ConnectSettings;
  readonly #tls: TlsFiles | undefined;
  readonly #security: ChannelSecurity;
  readonly #nodes = new Map<number, RemoteNode>();
  #replied: ReadonlySet<number> = new Set();
  #misconnected: readonly string[] = [];
  readonly #closedListeners = new Set<() => void>();
  /** The id of the cluster. */
  #cluster = 0;
  readonly #holder = randomInt(1, ID_MAX);
  /** Undefined until this process may have leases. */
  #presence: HolderPresence | undefined;
  #client: Client | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  readonly #members = new MembershipController(
    () => this.#ownClient(),
    () => this.leader(),
  );
  #silent: readonly string[] = [];
  /** All nodes that reply reject this program, or belong to another cluster. */
  #outage: JobraftError | undefined;
  readonly #closing = new AbortController();
  readonly #backups = new Set<Promise<BackupInfo>>();

  /** @internal @throws {ConfigError} */
  constructor(settings: ConnectSettings) {
    this.#settings = settings;
    const { tls, token } = settings;
    // Wrong ones are found at once, and not by the nodes.
    if (token !== undefined) readSecret(token);
    if (tls !== undefined) this.#tls = new TlsFiles({ paths: tls, onRejected: warnOfCertificate });
    this.#security = this.#tls === undefined ? UNSECURED : securedBy(this.#tls, token === undefined ? undefined : () => readSecret(token));
  }

  /** @internal Resolves once a node has replied, and so all are known. @throws {EndpointsUnreachableError | AccessDeniedError | HandshakeError | ConfigError} */
  async start(): Promise<void> {
    const { endpoints, timeoutMs } = this.#settings;
    const seeds = endpoints.map((address) => new RemoteNode(address, this.#security));
    const untilMs = performance.now() + timeoutMs;
    try {
      for (;;) {
        const replies = await Promise.all(seeds.map((seed) => seed.status(STATUS_MS_MAX)));
        const statuses = statusesOf(replies);
        if (statuses.length > 0) {
          this.#onReplies(statuses);
          return;
        }
        const denied = deniedIn(replies);
        if (denied !== undefined) throw denied;
        if (performance.now() >= untilMs) throw new EndpointsUnreachableError(endpoints, reasonOf(replies), timeoutMs);
        await sleep(POLL_MS);
      }
    } finally {
      for (const seed of seeds) seed[Symbol.dispose]();
    }
  }

  /** Part of {@link ClusterEndpoint}. */
  get clusterIdentity(): unknown {
    return this.#cluster;
  }

  /** Part of {@link ClusterEndpoint}: what is claimed through this connection is claimed under it, and released when its process has ended. */
  get holder(): number {
    if (!this.isClosed)
      this.#presence ??= new HolderPresence({
        ...{ holder: this.#holder, nodes: () => this.#nodes, hello: (node) => this.#hello(node) },
        onLost: () => void this.#refresh(),
      });
    return this.#holder;
  }

  nodeIds(): readonly number[] {
    return [...this.#nodes.keys()];
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  /** @internal Also asks the nodes again: a token that was revoked may be replaced. */
  outageCause(): JobraftError | undefined {
    if (this.#outage !== undefined) void this.#refresh();
    return this.#outage;
  }

  /** @internal */
  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    // A client opens channels when it looks for a leader, which may be a node that was added meanwhile.
    void this.#refresh();
    return this.#nodes.get(node)?.openChannel(this.#hello(node), handlers);
  }

  /** A node's state, by itself. @throws {NodeUnavailableError} @throws {ConfigError} for a node that is no member. */
  async status(node: number): Promise<NodeStatus> {
    this.#checkMember(node);
    return await this.#ownClient().status(node);
  }

  /** Entries of a node's log, 1,000 or 3 MiB at most. @throws {NodeUnavailableError} @throws {ConfigError} for a node that is no member. */
  async log(node: number, from?: number, to?: number): Promise<readonly LogEntryView[]> {
    this.#checkMember(node);
    return await this.#ownClient().log(node, from, to);
  }

  /** The leader of the highest term among the nodes that reply. */
  async leader(): Promise<number | undefined> {
    return leaderIn(await this.#askAll())?.node;
  }

  /** @internal What kept nodes from reaching each other when all were asked last, in sentences: wrong addresses, other configurations. */
  get misconnected(): readonly string[] {
    return [...new Set(this.#misconnected)];
  }

  /** @internal Why nodes did not reply when all were asked last, in sentences. */
  get silent(): readonly string[] {
    return this.#silent;
  }

  /** Whether the node replied when all were asked last, by `leader()` or `waitForLeader()`. */
  isRunning(node: number): boolean {
    return this.#replied.has(node);
  }

  /** @throws {NoLeaderError} when none is found in time. @throws {ClusterReplacedError | AccessDeniedError} @throws {ConfigError} for an invalid time. */
  async waitForLeader(timeoutMs = LEADER_WAIT_MS): Promise<number> {
    parseSettings(WAIT_MS, timeoutMs, 'timeoutMs');
    const untilMs = performance.now() + timeoutMs;
    while (!this.isClosed && performance.now() < untilMs) {
      const leader = await this.leader();
      if (leader !== undefined) return leader;
      if (this.#outage !== undefined) throw this.#outage;
      await sleep(POLL_MS);
    }
    throw new NoLeaderError();
  }

  /** The members, as the leader reports them. @throws {NoLeaderError} */
  async members(): Promise<ClusterMembers> {
    return await this.#members.members();
  }

  /**
   * Adds a node, which runs as `jobraft serve --join` or `startNode({ join: true })`, and waits until it votes. A node that joins by itself needs no
   * such call. An addition that fails or takes too long is cancelled, and may be repeated.
   * @param address at which the node listens.
   * @throws {ConfigError} for an id that is taken. @throws {AdminRejectedError} with the reason, as when no node replies at the address.
   * @throws {MembershipTimeoutError | NoLeaderError}
   */
  async addNode(id: number, address: string): Promise<void> {
    parseSettings(NODE_ID, id, 'id');
    parseSettings(ADDRESS, address, 'address');
    const { voters } = await this.members();
    if (voters.includes(id)) throw new ConfigError('id', id, `That id is taken; the nodes are ${voters.join(', ')}.`);
    await this.#askToAdd(id, address);
    try {
      await this.#members.change([id], []);
    } catch (error) {
      // The error of the change is more informative than that of its cancellation.
      await this.#members.cancelAddition([id]).catch(() => undefined);
      throw error;
    }
    await this.#askAll();
  }

  /**
   * Removes a node's vote; its process ends, and its folder stays. If it leads, another node takes over.
   * @throws {ConfigError | AdminRejectedError | MembershipTimeoutError | NoLeaderError}
   */
  async removeNode(id: number): Promise<void> {
    const { voters, learners, joining } = await this.members();
    const nodes = [...voters, ...learners, ...joining];
    if (!nodes.includes(id)) throw new ConfigError('id', id, `The cluster's nodes are ${nodes.join(', ')}.`);
    await this.#members.change([], [id]);
    await this.#askAll();
  }

  /** Transfers leadership to node `to`, or to the most advanced one. @returns the new leader. @throws {AdminRejectedError | NoLeaderError} */
  async transferLeadership(to?: number): Promise<number> {
    return await this.#members.transfer(to ?? 0);
  }

  /**
   * Writes everything that was acknowledged before the call, and perhaps more, to a new file of this machine, as the leader sends it, while the
   * cluster runs. `restoreNode` makes a node of it, `restoreBackup` a cluster of threads.
   * @param path of the file, which must not exist.
   * @throws {BackupError} BACKUP_EXISTS or BACKUP_FAILED; nothing is left then. @throws {NoLeaderError | AccessDeniedError | ConfigError}
   */
  async backup(path: string): Promise<BackupInfo> {
    const target = parseSettings(CLUSTER_SHAPE.dataDir, path, 'path');
    for (const untilMs = performance.now() + LEADER_WAIT_MS; ; await sleep(POLL_MS)) {
      const leader = this.#nodes.get(await this.waitForLeader());
      try {
        if (leader === undefined) throw new NoLeaderError();
        return await this.#receive(target, leader);
      } catch (error) {
        if (!(error instanceof NoLeaderError) || performance.now() > untilMs) throw error;
      }
    }
  }

  /** Closes the channels, and gives backups up; the cluster goes on. Leases of workers that were not closed before are released. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.#closing.abort();
    for (const listener of [...this.#closedListeners]) listener();
    this.#closedListeners.clear();
    // What they have written is removed.
    await Promise.allSettled(this.#backups);
    if (this.#presence !== undefined) await this.#releaseLeases();
    this.#presence?.[Symbol.dispose]();
    await this.#client?.close();
    for (const node of this.#nodes.values()) node[Symbol.dispose]();
    this.#nodes.clear();
    this.#tls?.[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #receive(path: string, leader: RemoteNode): Promise<BackupInfo> {
    const receiving = receiveBackup(path, () => leader.backup(), this.#closing.signal);
    this.#backups.add(receiving);
    try {
      return await receiving;
    } finally {
      this.#backups.delete(receiving);
    }
  }

  #hello(node: number): ClientHello {
    return { protocol: CHANNEL_PROTOCOL, node, cluster: this.#cluster };
  }

  /** At once; without a leader the cluster does it later, or the leases end by themselves. */
  async #releaseLeases(): Promise<void> {
    const openChannel: ClusterEndpoint['openChannel'] = (node, handlers) => this.openChannel(node, handlers);
    // This endpoint is closed for its own clients.
    const client = new Client({ nodeIds: () => this.nodeIds(), openChannel }, { deadlineMs: ADMIN_CALL_MS_MAX });
    await client.releaseAnyHeld(this.#holder).catch(() => undefined);
    await client.close();
  }

  /** @throws {ClusterClosedError | ConfigError} */
  #checkMember(node: number): void {
    if (this.isClosed) throw new ClusterClosedError();
    if (!this.#nodes.has(node)) throw new ConfigError('node', node, `The cluster's nodes are ${this.nodeIds().join(', ')}.`);
  }

  #ownClient(): Client {
    this.#client ??= new Client(this, { deadlineMs: ADMIN_CALL_MS_MAX });
    return this.#client;
  }

  #onReplies(statuses: readonly NodeStatusProto[]): void {
    const { cluster: expected } = this.#settings;
    for (const { node, cluster_name } of statuses)
      if (expected !== undefined && cluster_name !== expected)
        throw new HandshakeError(
          `Node ${node} belongs to the cluster "${cluster_name}", not to "${expected}". Correct "endpoints" or "cluster".`,
        );
    const [first, ...others] = statuses;
    const other = others.find(({ cluster }) => cluster !== first?.cluster);
    if (first === undefined || other !== undefined)
      throw new HandshakeError(
        `The endpoints belong to several clusters: node ${first?.node} to "${first?.cluster_name}" (${first?.cluster}), node ${other?.node} to "${other?.cluster_name}" (${other?.cluster}). Name nodes of one cluster.`,
      );
    const addresses = first.members?.addresses ?? [];
    const remote = addresses.find(({ address }) => !isLoopback(address));
    if (remote !== undefined && !this.#mayLeaveMachine) throw new ConfigError('nodes', remote.address, INSECURE_REMEDY);
    this.#cluster = first.cluster;
    this.#onStatuses(statuses);
  }

  get #mayLeaveMachine(): boolean {
    return this.#settings.insecure || this.#tls !== undefined;
  }

  /** @returns the statuses of the nodes that replied. */
  async #askAll(): Promise<NodeStatusProto[]> {
    this.#refreshedMs = performance.now();
    const asked = await Promise.all([...this.#nodes].map(async ([node, remote]) => ({ node, reply: await remote.status(STATUS_MS_MAX) })));
    const replies = statusesOf(asked.map(({ reply }) => reply));
    this.#misconnected = [
      ...asked.flatMap(({ node, reply }) => wrongAddress(node, this.#nodes.get(node)?.address, reply)),
      ...replies.flatMap(rejectionsIn),
    ];
    this.#silent = asked.flatMap(({ node, reply }) => silenceOf(node, this.#nodes.get(node)?.address, reply));
    this.#outage = replies.length === 0 ? deniedIn(asked.map(({ reply }) => reply)) : replacedIn(replies, this.#cluster);
    const statuses = replies.filter(({ cluster }) => cluster === this.#cluster);
    const reached = asked.flatMap(({ node, reply }) =>
      'node' in reply && reply.node === node && reply.cluster === this.#cluster ? [node] : [],
    );
    if (!this.isClosed) this.#onStatuses(statuses, new Set(reached));
    return statuses;
  }

  async #refresh(): Promise<void> {
    if (performance.now() - this.#refreshedMs >= REFRESH_EVERY_MS) await this.#askAll();
  }

  /**
   * Members and their addresses. Only a leader's list is complete: others may not have the latest members yet.
   * @param reached nodes that replied at their present address: they keep it, since each node may know another one, as behind forwarded ports.
   */
  #onStatuses(statuses: readonly NodeStatusProto[], reached: ReadonlySet<number> = new Set()): void {
    this.#replied = new Set(statuses.map(({ node }) => node));
    const leader = leaderIn(statuses);
    const addresses = new Map(
      [...statuses, ...(leader === undefined ? [] : [leader])].flatMap(({ members }) =>
        (members?.addresses ?? []).map(({ node, address }) => [node, address] as const),
      ),
    );
    const current = leader?.members?.addresses.map(({ node }) => node);
    for (const [node, remote] of this.#nodes) {
      const isGone = current !== undefined && !current.includes(node);
      if (!isGone && (reached.has(node) || (addresses.get(node) ?? remote.address) === remote.address)) continue;
      remote[Symbol.dispose]();
      this.#nodes.delete(node);
    }
    for (const [node, address] of addresses)
      if (!this.#nodes.has(node) && (current?.includes(node) ?? true) && (this.#mayLeaveMachine || isLoopback(address)))
        this.#nodes.set(node, new RemoteNode(address, this.#security));
  }

  /** Any node takes the call. @throws {AdminRejectedError | NoLeaderError} */
  async #askToAdd(id: number, address: string): Promise<void> {
    for (const node of this.#nodes.values()) {
      const error = await node.addMember({ node: id, address }, ADD_MS_MAX);
      if (error === undefined) return;
      if (error.code === Status.UNIMPLEMENTED)
        throw new AdminRejectedError('INVALID', 'A node of an earlier release cannot add members. Upgrade all nodes first.', 0);
      if (error.code === Status.PERMISSION_DENIED) throw new AccessDeniedError(error.details);
      if (error.code === Status.INVALID_ARGUMENT) throw new AdminRejectedError('INVALID', error.details, 0);
    }
    throw new NoLeaderError();
  }
}

function warnOfCertificate({ message }: ConfigError): void {
  process.emitWarning(`The renewed certificate is not used: ${message} The connection goes on with the one before.`, {
    type: 'JobraftCertificate',
  });
}
