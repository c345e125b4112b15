import { ConfigError } from '../base/errors.ts';
import { Client } from '../client/api/client.ts';
import { type TransactionCall, transact } from '../client/api/transact.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import { ClusterClosedError, NoLeaderError } from '../client/errors.ts';
import { CLUSTER_SHAPE } from '../config/cluster-config.ts';
import { makeLogFolder } from '../logs/log-folder.ts';
import { type ClusterMetrics, clusterMetrics } from '../metrics/cluster-metrics.ts';
import type { NodeReading } from '../metrics/node-sample.ts';
import type { LogEntryView, NodeStatus } from '../protocol/client-frame.ts';
import type { StorageError } from '../storage/errors.ts';
import { openClientPort } from './client-port.ts';
import { MEMBER_CHANGE, NODE_ID, parseSettings, WAIT_MS } from './cluster-arguments.ts';
import type { ClusterListeners } from './cluster-listeners.ts';
import { clusterListeners } from './cluster-listeners.ts';
import { ClusterManifest, recoveredCluster } from './cluster-manifest.ts';
import type { ClusterOptions, ClusterSettings } from './cluster-options.ts';
import { clusterSettings, freeId, withAbsolutePaths } from './cluster-options.ts';
import { releaseDeparted } from './departed-holders.ts';
import { Exclusive } from './exclusive.ts';
import { registerFaultTargets } from './fault-targets.ts';
import type { RecoveredCluster } from './lost-manifest.ts';
import { MemberChanges } from './member-changes.ts';
import type { ClusterMembers } from './membership-controller.ts';
import { MembershipController } from './membership-controller.ts';
import { NetworkFaults } from './network-faults.ts';
import type { ReportPart } from './node-boot.ts';
import { NodeThreads, settledWithin } from './node-threads.ts';
import { endedProcesses } from './shared/process-locks.ts';
import { type BackupInfo, takeBackup } from './take-backup.ts';

const LEADER_WAIT_MS = 10_000;
const LEADER_POLL_MS = 5;
/** How long workers wait until the leases of departed processes are released. */
const RELEASE_WAIT_MS = 2_000;
/** How long a node may take to reply about members and leaders; a healthy one takes milliseconds. */
const ADMIN_CALL_MS_MAX = 2_000;

/** How far a node has applied the log, and a hash of its state there: equal for equal `applied`. */
export interface ReplicaState {
  readonly node: number;
  readonly applied: number;
  readonly digest: string;
}

/**
 * Starts a cluster inside this process: one worker thread for each node, a channel between every pair, and each node's state in its own
 * SQLite file.
 * @throws {ConfigError} for invalid options. @throws {StorageError} when a node's file cannot be used.
 * @throws {LogFileError} when a log cannot be written. @throws {NodeFailedError | NodeCodeMissingError} when a node's thread cannot start.
 * All of them have the outcome `not-applied`: no node runs, and the start may be tried again.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const settings = withAbsolutePaths(clusterSettings(options));
  const recovered = settings.dataDir === undefined ? undefined : recoveredCluster(settings.dataDir, settings.keys);
  const cluster = new Cluster(settings, clusterListeners(options), recovered);
  try {
    await cluster.start();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

/** A running embedded cluster; made by {@link startCluster}. Once it is closed, its methods reject with a {@link ClusterClosedError}. */
export class Cluster implements ClusterEndpoint, AsyncDisposable {
  /** Adds, ends and changes jobs of any queues at once, or does nothing: see `Transaction`. @throws {TransactionError | TransactionTooLargeError} */
  readonly transaction: TransactionCall = (build) => transact(this, build);
  readonly #settings: ClusterSettings;
  readonly #manifest: ClusterManifest;
  readonly #threads: NodeThreads;
  readonly #members: MembershipController;
  readonly #changes: MemberChanges;
  #nextConnection = 1;
  #probe: Client | undefined;
  #admin: Client | undefined;
  #departedReleased: Promise<void> | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  readonly #closedListeners = new Set<() => void>();

  /** @internal @param clientSocketOf the Unix socket on which a node takes clients of other processes; default: none. */
  constructor(
    settings: ClusterSettings,
    listeners: ClusterListeners,
    recovered: RecoveredCluster | undefined,
    clientSocketOf?: (node: number) => string,
  ) {
    this.#settings = settings;
    this.#manifest = ClusterManifest.open(settings.dataDir, settings.nodes, recovered);
    const exclusive = new Exclusive();
    const network = new NetworkFaults();
    this.#threads = new NodeThreads({ settings, listeners, manifest: this.#manifest, faults: network, exclusive, clientSocketOf });
    registerFaultTargets(this, { threads: this.#threads, network });
    this.#members = new MembershipController(
      () => this.#adminClient,
      () => this.leader(),
      exclusive,
    );
    this.#changes = new MemberChanges({ manifest: this.#manifest, threads: this.#threads, control: this.#members });
  }

  /** Part of {@link startCluster}. */
  async start(): Promise<void> {
    const { absent, logs } = this.#settings;
    if (logs !== undefined) makeLogFolder(logs.dir);
    const present = this.nodeIds().filter((node) => !absent.includes(node));
    this.#manifest.checkFiles(this.#settings.durability === 'full', this.#settings.keys);
    await this.#threads.start(present);
    this.#manifest.onFilesCreated(present);
    this.#manifest.onTaken();
    const { dataDir } = this.#settings;
    if (dataDir === undefined) return;
    const ended = { dataDir, holders: endedProcesses(dataDir) };
    if (this.#manifest.departed.length + ended.holders.length === 0) return;
    const released = releaseDeparted(this.#manifest, ended, () => (this.#isClosed ? undefined : this.#client));
    this.#departedReleased = settledWithin(released, RELEASE_WAIT_MS);
  }

  /** @internal the id of the cluster, by which processes that share it recognise it. */
  get id(): number {
    return this.#manifest.origin.cluster;
  }

  /** @internal whether these are its nodes, or those that it was formed with. */
  isNamedBy(nodes: readonly number[]): boolean {
    return this.#manifest.isNamedBy(nodes);
  }

  /** Part of {@link ClusterEndpoint}. */
  get departedReleased(): Promise<void> | undefined {
    return this.#departedReleased;
  }

  /** Part of {@link ClusterEndpoint}. */
  get holder(): number {
    return this.#manifest.holder;
  }

  nodeIds(): readonly number[] {
    return this.#manifest.nodes;
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

  /** Part of {@link ClusterEndpoint}. */
  outageCause(): StorageError | undefined {
    return this.#threads.outageCause();
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    const handle = this.#threads.get(node);
    if (this.#isClosed || handle === undefined || !handle.isRunning) return undefined;
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    return openClientPort(handlers, (port) => handle.command({ type: 'client', connection, port }, [port]));
  }

  // ---- status -------------------------------------------------------------------------------------------------------

  /** GetStatus of one node. @throws {ConfigError} for an id that is not in the cluster. */
  async status(node: number): Promise<NodeStatus> {
    this.#checkMember(node);
    return await this.#client.status(node);
  }

  /**
   * GetLog of one node: entries from `from` to `to`, both included, as far as its log still has them (1,000, or 3 MiB, at most).
   * @throws {ConfigError} for an id that is not in the cluster. @throws {InvalidOptionError} for an invalid index.
   */
  async log(node: number, from = 1, to = Number.MAX_SAFE_INTEGER): Promise<readonly LogEntryView[]> {
    this.#checkMember(node);
    return await this.#client.log(node, from, to);
  }

  /** The leader of the highest term that any running node knows and that itself confirms. */
  async leader(): Promise<number | undefined> {
    return await this.#leaderWithin(Number.POSITIVE_INFINITY);
  }

  /** @throws {NoLeaderError} when none is found in time. @throws {ConfigError} for an invalid time. */
  async waitForLeader(timeoutMs = LEADER_WAIT_MS): Promise<number> {
    this.#checkOpen();
    parseSettings(WAIT_MS, timeoutMs, 'timeoutMs');
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      const leader = await this.#leaderWithin(deadline - performance.now());
      if (leader !== undefined) return leader;
      await new Promise((resolve) => setTimeout(resolve, LEADER_POLL_MS));
    }
    throw new NoLeaderError();
  }

  /** `metrics()` has the counters of each node, `metrics.register` all of it for Prometheus. */
  readonly metrics: ClusterMetrics = clusterMetrics(
    async () => {
      const reports = await this.#reports('nothing');
      return reports.map(({ node, report: { role, term, counters, cpuMs } }) => ({ node, role, term, ...counters, cpuMs }));
    },
    () => this.samples(),
  );

  /** @internal of every node, within a second; nothing once it is closed. */
  async samples(): Promise<readonly NodeReading[]> {
    if (this.#isClosed) return [];
    const reports = await this.#threads.reports('sample');
    return this.nodeIds().map((node) => ({ node, sample: reports.find((one) => one.node === node)?.report.sample }));
  }

  /** For comparing replicas: every running node's state as a hash. Takes time in proportion to the state. */
  async replicaStates(): Promise<readonly ReplicaState[]> {
    const states: ReplicaState[] = [];
    // A node that does not reply now would delay the call by the time limit of a digest.
    await this.#reports('nothing');
    for (const { node, report } of await this.#reports('digest')) if (report.state !== undefined) states.push({ node, ...report.state });
    return states;
  }

  // ---- starting and stopping ----------------------------------------------------------------------------------------

  isRunning(node: number): boolean {
    return this.#threads.get(node)?.isRunning ?? false;
  }

  /** Stops one node gracefully; a leader first transfers leadership. @throws {NodeStuckError} for a thread that cannot be ended. */
  async stop(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#threads.stop(node);
  }

  /**
   * Starts a node again from its file (a node that still runs is stopped first). A node whose file is lost or damaged, or that kept
   * everything in memory, comes back like a new node: it receives everything from its peers before it votes again. Calls for one node are
   * executed one after the other.
   * @throws {StorageError | NodeFailedError} when it does not start. @throws {NodeStuckError} when its current thread cannot be ended.
   */
  async restart(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#threads.restart(node);
    this.#manifest.onFilesCreated([node]);
  }

  /**
   * Rebuilds a node from its peers. Its file is moved aside, whatever its state, once the others have everything that was acknowledged,
   * before the node was stopped and after: a node that is being rebuilt does not count as a copy until it has everything, too. Changes of
   * members wait meanwhile.
   * @returns the new path of the old file, or undefined for a node without one.
   * @throws {StorageError} STORAGE_TOO_FEW_VOTERS at once where the voters have no majority without the node, as with two voters;
   * STORAGE_FAILED where the other nodes that run are no majority, or do not have everything within a minute. The file stays in its place,
   * and the message gives the command that restores a file that was moved aside before.
   */
  async repair(node: number): Promise<string | undefined> {
    this.#checkMember(node);
    return await this.#threads.repair(node);
  }

  /**
   * Stops all nodes, also those that are being started. Clients of the cluster are notified first: unanswered calls are rejected, and
   * workers stop. May be called twice; every other call is rejected from now on. A thread that cannot be ended is reported to
   * `onNodeFailure`, and left.
   */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Writes everything that was acknowledged before the call, and perhaps more, to a new file, while the cluster runs. `restoreBackup` makes a
   * new cluster from it.
   * @param path of the file, which must not exist. It appears once it is complete and on disk.
   * @throws {BackupError} BACKUP_EXISTS or BACKUP_FAILED. @throws {StorageError} for a damaged file of the leader.
   * @throws {ConfigError} for a cluster in memory. @throws {NoLeaderError}
   */
  async backup(path: string): Promise<BackupInfo> {
    this.#checkOpen();
    parseSettings(CLUSTER_SHAPE.dataDir, path, 'path');
    const statuses = async () => {
      const running = this.nodeIds().filter((node) => this.isRunning(node));
      const asked = await Promise.allSettled(running.map((node) => this.#adminClient.status(node)));
      return asked.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []));
    };
    const { dataDir, keys } = this.#settings;
    return await takeBackup(path, { dataDir, keys, clusterId: this.id, client: this.#client, statuses, isClosed: () => this.#isClosed });
  }

  // ---- members ------------------------------------------------------------------------------------------------------

  /** The members, as the leader reports them. @throws {NoLeaderError} */
  async members(): Promise<ClusterMembers> {
    this.#checkOpen();
    return await this.#members.members();
  }

  /**
   * Starts another node and makes it a voter: it first receives the log, and votes once it has caught up. An addition that fails or takes
   * too long is cancelled, and may be repeated.
   * @param id default: the lowest unused id. @returns its id.
   * @throws {ConfigError} for an id that is taken, or for too many nodes. @throws {StorageError} when its file cannot be used.
   * @throws {MembershipTimeoutError}
   */
  async addNode(id?: number): Promise<number> {
    this.#checkOpen();
    const node = id === undefined ? freeId([...this.nodeIds(), ...this.#changes.joining]) : parseSettings(NODE_ID, id, 'id');
    await this.changeMembers({ add: [node] });
    return node;
  }

  /**
   * Removes a node's vote and stops it; its file stays. If it leads, another node takes over.
   * @throws {ConfigError | MembershipTimeoutError}
   */
  async removeNode(id: number): Promise<void> {
    this.#checkMember(id);
    await this.changeMembers({ remove: [id] });
  }

  /**
   * Adds and removes several nodes; voters leave in the step in which the new ones begin to vote.
   * @throws {ConfigError | MembershipTimeoutError}
   */
  async changeMembers(change: { readonly add?: readonly number[]; readonly remove?: readonly number[] }): Promise<void> {
    this.#checkOpen();
    const { add, remove } = parseSettings(MEMBER_CHANGE, change, 'change');
    for (const node of remove) this.#checkMember(node);
    await this.#changes.change(add, remove);
  }

  /**
   * Transfers leadership to node `to`, or to the most advanced one. @returns the new leader. @throws {AdminRejectedError | NoLeaderError}
   */
  async transferLeadership(to?: number): Promise<number> {
    this.#checkOpen();
    if (to !== undefined) this.#checkMember(to);
    return this.#members.transfer(to ?? 0);
  }

  // -------------------------------------------------------------------------------------------------------------------

  get #client(): Client {
    this.#probe ??= new Client(this);
    return this.#probe;
  }

  get #adminClient(): Client {
    this.#admin ??= new Client(this, { deadlineMs: ADMIN_CALL_MS_MAX });
    return this.#admin;
  }

  async #close(): Promise<void> {
    for (const listener of [...this.#closedListeners]) listener();
    this.#closedListeners.clear();
    try {
      await this.#threads.close();
      await this.#probe?.close();
      await this.#admin?.close();
    } finally {
      this.#manifest[Symbol.dispose]();
    }
  }

  async #leaderWithin(withinMs: number): Promise<number | undefined> {
    let best: { node: number; term: number } | undefined;
    for (const { node, report } of await this.#reports('nothing', withinMs)) {
      if (report.role === 'leader' && report.term > (best?.term ?? 0)) best = { node, term: report.term };
    }
    return best?.node;
  }

  async #reports(part: ReportPart, withinMs?: number) {
    this.#checkOpen();
    return await this.#threads.reports(part, withinMs);
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
