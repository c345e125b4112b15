import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, type JobraftError } from '../../base/errors.ts';
import { Client } from '../../client/api/client.ts';
import { type TransactionCall, transact } from '../../client/api/transact.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../client/endpoint.ts';
import { ClusterClosedError } from '../../client/errors.ts';
import { CLUSTER_SHAPE } from '../../config/cluster-config.ts';
import { type ClusterMetrics, clusterMetrics, type NodeMetrics } from '../../metrics/cluster-metrics.ts';
import type { NodeReading } from '../../metrics/node-sample.ts';
import type { LogEntryView, NodeStatus } from '../../protocol/client-frame.ts';
import { dialSocket } from '../../transport/dial-socket.ts';
import { CHANNEL_PROTOCOL } from '../../transport/handshake.ts';
import type { ReplicaState } from '../cluster.ts';
import { CHANNEL_HANDLERS, parseSettings } from '../cluster-arguments.ts';
import type { ClusterListeners } from '../cluster-listeners.ts';
import { newId } from '../cluster-manifest.ts';
import type { ClusterMembers } from '../membership-controller.ts';
import { settledWithin } from '../node-threads.ts';
import type { BackupInfo } from '../take-backup.ts';
import { HostLostError } from './errors.ts';
import type { SharedSettings } from './host-boot.ts';
import type { HostMethod } from './host-protocol.ts';
import { HostSearch } from './host-search.ts';
import { lockProcess, type ProcessLock } from './process-locks.ts';
import { nodeSocket } from './shared-folder.ts';

/** The largest packet that is accepted from a node, which belongs to the same user. */
const PACKET_BYTES_MAX = 1024 * 1024 * 1024;
/** What may wait to be sent to a node; a client's own bounds are far below. */
const UNSENT_BYTES_MAX = 1024 * 1024 * 1024;
/** How long a call about the cluster waits for a host. */
const CALL_MS_MAX = 10_000;
const LOOK_EVERY_MS = 10;
/** How long a scrape waits for the host; its nodes reply within a second. */
const SAMPLES_MS_MAX = 2_000;

/**
 * A cluster that the processes of one machine share; made by `openCluster`. One of them hosts the nodes, in threads; all use them through
 * Unix sockets. When the host ends, another process takes over. Once it is closed, its methods reject with a {@link ClusterClosedError}.
 */
export class SharedCluster implements ClusterEndpoint, AsyncDisposable {
  /** Adds, ends and changes jobs of any queues at once, or does nothing: see `Transaction`. @throws {TransactionError | TransactionTooLargeError} */
  readonly transaction: TransactionCall = (build) => transact(this, build);
  readonly #holder = newId();
  readonly #settings: SharedSettings;
  readonly #search: HostSearch;
  readonly #processLock: ProcessLock;
  /** A worker asked for the holder: this process may have leases. */
  #mayHoldLeases = false;
  readonly #closedListeners = new Set<() => void>();
  /** Ends an open channel of a client. */
  readonly #channels = new Set<() => void>();
  #probe: Client | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  /** @internal @throws {StorageError} */
  constructor(settings: SharedSettings, listeners: ClusterListeners) {
    this.#settings = settings;
    this.#processLock = lockProcess(settings.dataDir, this.#holder);
    const { nodes, durability } = settings;
    this.#search = new HostSearch(settings, listeners, {
      protocol: CHANNEL_PROTOCOL,
      pid: process.pid,
      holder: this.#holder,
      nodes,
      durability,
    });
  }

  /** Part of `openCluster`. */
  async start(): Promise<void> {
    await this.#search.start();
  }

  /** Part of {@link ClusterEndpoint}: what this process claims from now on is claimed under it. */
  get holder(): number {
    this.#mayHoldLeases = true;
    return this.#holder;
  }

  /** Part of {@link ClusterEndpoint}. */
  get clusterIdentity(): unknown {
    return resolve(this.#settings.dataDir);
  }

  /** Whether the nodes run in this process. */
  get isHost(): boolean {
    return this.#search.isHost;
  }

  /** The id of the process that hosts the nodes, as it sees it itself; undefined while another one takes over. */
  get hostPid(): number | undefined {
    return this.#search.link?.welcome.pid;
  }

  /** Part of {@link ClusterEndpoint}. */
  get departedReleased(): Promise<void> | undefined {
    return this.#search.departedReleased;
  }

  nodeIds(): readonly number[] {
    return this.#search.state.nodes;
  }

  isRunning(node: number): boolean {
    return this.#search.link !== undefined && this.#search.state.running.includes(node);
  }

  /** Part of {@link ClusterEndpoint}: whether it was closed permanently. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Part of {@link ClusterEndpoint}. */
  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  /** Part of {@link ClusterEndpoint}: a full disk, a host that does not reply, nodes that cannot be started. */
  outageCause(): JobraftError | undefined {
    return this.#search.outageCause();
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    // While no process hosts the nodes, one is about to: a channel that no node accepts is lost soon, and the client tries again.
    if (this.#isClosed || (this.#search.link !== undefined && !this.isRunning(node))) return undefined;
    parseSettings(CHANNEL_HANDLERS, handlers, 'handlers');
    const { dataDir } = this.#settings;
    const channel = dialSocket({
      path: nodeSocket(dataDir, node),
      folder: 'dataDir',
      hello: { protocol: CHANNEL_PROTOCOL, node, cluster: this.#search.cluster },
      frameBytesMax: PACKET_BYTES_MAX,
      unsentBytesMax: UNSENT_BYTES_MAX,
      onWelcome: () => undefined,
      onFrame: (packet) => handlers.onPacket(packet),
      onClosed: () => {
        this.#channels.delete(end);
        handlers.onLost();
      },
    });
    const end = (): void => {
      channel.close();
      handlers.onLost();
    };
    this.#channels.add(end);
    return {
      send: (packet) => {
        if (!(packet instanceof Uint8Array)) throw new ConfigError('packet', packet, 'Give a Uint8Array.');
        channel.send(packet);
      },
      close: () => {
        this.#channels.delete(end);
        channel.close();
      },
    };
  }

  // ---- status -------------------------------------------------------------------------------------------------------

  /** See {@link Cluster.status}. */
  async status(node: number): Promise<NodeStatus> {
    this.#checkMember(node);
    return await this.#client.status(node);
  }

  /** See {@link Cluster.log}. */
  async log(node: number, from = 1, to = Number.MAX_SAFE_INTEGER): Promise<readonly LogEntryView[]> {
    this.#checkMember(node);
    return await this.#client.log(node, from, to);
  }

  /** See {@link Cluster.leader}. */
  async leader(): Promise<number | undefined> {
    return (await this.#call('leader')) as number | undefined;
  }

  /** See {@link Cluster.waitForLeader}. */
  async waitForLeader(timeoutMs?: number): Promise<number> {
    return (await this.#call('waitForLeader', timeoutMs)) as number;
  }

  /** See {@link Cluster.metrics}. */
  readonly metrics: ClusterMetrics = clusterMetrics(
    async () => (await this.#call('metrics')) as readonly NodeMetrics[],
    () => this.#samples(),
  );

  /** See {@link Cluster.replicaStates}. */
  async replicaStates(): Promise<readonly ReplicaState[]> {
    return (await this.#call('replicaStates')) as readonly ReplicaState[];
  }

  // ---- starting and stopping ----------------------------------------------------------------------------------------

  /** See {@link Cluster.stop}. */
  async stop(node: number): Promise<void> {
    await this.#call('stop', node);
  }

  /** See {@link Cluster.restart}. */
  async restart(node: number): Promise<void> {
    await this.#call('restart', node);
  }

  /** See {@link Cluster.repair}. */
  async repair(node: number): Promise<string | undefined> {
    return (await this.#call('repair', node)) as string | undefined;
  }

  /** See {@link Cluster.backup}: the process that hosts the nodes writes the file. A relative path is one of this process. */
  async backup(path: string): Promise<BackupInfo> {
    this.#checkOpen();
    return (await this.#call('backup', resolve(parseSettings(CLUSTER_SHAPE.dataDir, path, 'path')))) as BackupInfo;
  }

  /**
   * Leaves the cluster, after its clients are notified: unanswered calls are rejected, and workers stop. If this process hosts the nodes, they
   * stop, and another process that has the cluster open takes over. May be called twice.
   */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- members ------------------------------------------------------------------------------------------------------

  /** See {@link Cluster.members}. */
  async members(): Promise<ClusterMembers> {
    return (await this.#call('members')) as ClusterMembers;
  }

  /** See {@link Cluster.addNode}. */
  async addNode(id?: number): Promise<number> {
    return (await this.#call('addNode', id)) as number;
  }

  /** See {@link Cluster.removeNode}. */
  async removeNode(id: number): Promise<void> {
    await this.#call('removeNode', id);
  }

  /** See {@link Cluster.changeMembers}. */
  async changeMembers(change: { readonly add?: readonly number[]; readonly remove?: readonly number[] }): Promise<void> {
    await this.#call('changeMembers', change);
  }

  /** See {@link Cluster.transferLeadership}. */
  async transferLeadership(to?: number): Promise<number> {
    return (await this.#call('transferLeadership', to)) as number;
  }

  // -------------------------------------------------------------------------------------------------------------------

  get #client(): Client {
    this.#probe ??= new Client(this);
    return this.#probe;
  }

  /** For a scrape: while no process hosts the nodes, or it does not reply in time, no node is up. */
  async #samples(): Promise<readonly NodeReading[]> {
    if (this.#isClosed) return [];
    let readings: readonly NodeReading[] = this.nodeIds().map((node) => ({ node }));
    const asked = this.#search.link?.call('samples', []).then(
      (value) => {
        readings = value as readonly NodeReading[];
      },
      () => undefined,
    );
    if (asked !== undefined) await settledWithin(asked, SAMPLES_MS_MAX);
    return readings;
  }

  /** Has the host execute a call; waits for a host first. */
  async #call(method: HostMethod, ...args: readonly unknown[]): Promise<unknown> {
    this.#checkOpen();
    const given = args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1);
    const untilMs = performance.now() + CALL_MS_MAX;
    while (this.#search.link === undefined) {
      if (performance.now() > untilMs) throw this.outageCause() ?? new HostLostError('not-applied');
      await sleep(LOOK_EVERY_MS);
      this.#checkOpen();
    }
    return await this.#search.link.call(method, given);
  }

  async #close(): Promise<void> {
    for (const listener of [...this.#closedListeners]) listener();
    this.#closedListeners.clear();
    for (const end of [...this.#channels]) end();
    this.#channels.clear();
    try {
      await this.#probe?.close();
      await this.#search.close();
    } finally {
      if (this.#mayHoldLeases) this.#processLock[Symbol.dispose]();
      else this.#processLock.forget();
    }
  }

  /** @throws {ClusterClosedError} */
  #checkOpen(): void {
    if (this.#isClosed) throw new ClusterClosedError();
  }

  /** @throws {ClusterClosedError | ConfigError} */
  #checkMember(node: number): void {
    this.#checkOpen();
    if (!this.nodeIds().includes(node)) throw new ConfigError('node', node, `The cluster's nodes are ${this.nodeIds().join(', ')}.`);
  }
}
