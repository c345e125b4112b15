import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { ConfigError } from '../base/errors.ts';
import { Client } from '../client/client.ts';
import { NoLeaderError } from '../client/errors.ts';
import type { NodeCounters } from '../node/node-metrics.ts';
import { moveDamagedAside } from '../storage/damaged-file.ts';
import { StorageError } from '../storage/errors.ts';
import type { LogEntryView, NodeStatus } from '../transport/client-frame.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../transport/port.ts';
import { openClientPort } from './client-port.ts';
import { DELAY, groupsOf, MEMBER_CHANGE, NODE_ID, PAUSE_MS, PROBABILITY, parseSettings, WAIT_MS } from './cluster-arguments.ts';
import type { ClusterListeners } from './cluster-listeners.ts';
import { clusterListeners } from './cluster-listeners.ts';
import type { ClusterOptions, ClusterSettings } from './cluster-options.ts';
import { checkNewcomers, clusterSettings, freeId } from './cluster-options.ts';
import { releaseDeparted } from './departed-holders.ts';
import type { ClusterMembers } from './member-control.ts';
import { MemberControl } from './member-control.ts';
import { NetworkFaults } from './network-faults.ts';
import { NodeHandle } from './node-handle.ts';
import { nodeFile, Roster } from './roster.ts';

const LEADER_WAIT_MS = 10_000;
const LEADER_POLL_MS = 5;

export interface NodeMetrics extends NodeCounters {
  readonly node: number;
  readonly role: string;
  readonly term: number;
  /** CPU time of the node's thread in milliseconds; null where the system does not tell. */
  readonly cpuMs: number | null;
}

/** How far a node has applied the log, and a hash of its state there: equal for equal `applied`. */
export interface ReplicaState {
  readonly node: number;
  readonly applied: number;
  readonly digest: string;
}

/**
 * Starts a cluster inside this process: one worker thread for each node, a channel between every pair, and each node's
 * state in its own SQLite file.
 * @throws {ConfigError} for options that cannot work. @throws {StorageError} when a node's file cannot be used.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = new Cluster(clusterSettings(options), clusterListeners(options));
  try {
    await cluster.start();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

/** A running embedded cluster; made by {@link startCluster}. */
export class Cluster implements ClusterEndpoint, AsyncDisposable {
  readonly #settings: ClusterSettings;
  readonly #listeners: ClusterListeners;
  readonly #roster: Roster;
  readonly #members: MemberControl;
  readonly #handles = new Map<number, NodeHandle>();
  #nextConnection = 1;
  #starts = 0;
  readonly #faults = new NetworkFaults();
  #probe: Client | undefined;
  #isClosed = false;

  constructor(settings: ClusterSettings, listeners: ClusterListeners) {
    this.#settings = settings;
    this.#listeners = listeners;
    this.#roster = Roster.open(settings.dataDir, settings.nodes);
    this.#members = new MemberControl(
      () => this.#client,
      () => this.leader(),
    );
  }

  /** Part of {@link startCluster}. */
  async start(): Promise<void> {
    const { absent, logs } = this.#settings;
    if (logs !== undefined) mkdirSync(logs.dir, { recursive: true });
    const present = this.nodeIds().filter((node) => !absent.includes(node));
    const outcomes = await Promise.allSettled(present.map((node) => this.#spawn(node)));
    const failures = outcomes.flatMap((outcome, at) =>
      outcome.status === 'rejected' ? [{ node: present[at] ?? 0, error: outcome.reason }] : [],
    );
    // One after the other: each is rebuilt by a majority that is sound, or the start fails with what is wrong.
    for (const { node, error } of failures) await this.#rebuild(node, error);
    this.#roster.onMade(present);
    this.#roster.onTaken();
    void releaseDeparted(this.#roster, () => (this.#isClosed ? undefined : this.#client));
  }

  /** Part of {@link ClusterEndpoint}. */
  get holder(): number {
    return this.#roster.holder;
  }

  nodeIds(): readonly number[] {
    return this.#roster.nodes;
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    const handle = this.#handles.get(node);
    if (handle === undefined || !handle.isRunning) return undefined;
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    return openClientPort(handlers, (port) => handle.command({ type: 'client', connection, port }, [port]));
  }

  // ---- what is going on ---------------------------------------------------------------------------------------------

  /** GetStatus of one node. @throws {ConfigError} for an id that is not in the cluster. */
  async status(node: number): Promise<NodeStatus> {
    this.#checkMember(node);
    return await this.#client.status(node);
  }

  /**
   * GetLog of one node: entries from `from` to `to`, both included, as far as its log still has them (1,000 at most).
   * @throws {ConfigError} for an id that is not in the cluster. @throws {InvalidOptionError} for what is no index.
   */
  async log(node: number, from = 1, to = Number.MAX_SAFE_INTEGER): Promise<readonly LogEntryView[]> {
    this.#checkMember(node);
    return await this.#client.log(node, from, to);
  }

  /** The leader of the highest term that any running node knows and that itself agrees. */
  async leader(): Promise<number | undefined> {
    let best: { node: number; term: number } | undefined;
    for (const handle of await this.#reports(false)) {
      if (handle.report.role === 'leader' && handle.report.term > (best?.term ?? 0)) best = { node: handle.node, term: handle.report.term };
    }
    return best?.node;
  }

  /** @throws {NoLeaderError} when none is found in time. @throws {ConfigError} for what is no time. */
  async waitForLeader(timeoutMs = LEADER_WAIT_MS): Promise<number> {
    parseSettings(WAIT_MS, timeoutMs, 'timeoutMs');
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      const leader = await this.leader();
      if (leader !== undefined) return leader;
      await new Promise((resolve) => setTimeout(resolve, LEADER_POLL_MS));
    }
    throw new NoLeaderError();
  }

  async metrics(): Promise<readonly NodeMetrics[]> {
    const reports = await this.#reports(false);
    return reports.map(({ node, report: { role, term, counters, cpuMs } }) => ({ node, role, term, ...counters, cpuMs }));
  }

  /** For comparing replicas: every running node's state as a hash. Takes time in proportion to the state. */
  async replicaStates(): Promise<readonly ReplicaState[]> {
    const states: ReplicaState[] = [];
    for (const { node, report } of await this.#reports(true)) if (report.state !== undefined) states.push({ node, ...report.state });
    return states;
  }

  // ---- starting and stopping ----------------------------------------------------------------------------------------

  isRunning(node: number): boolean {
    return this.#handles.get(node)?.isRunning ?? false;
  }

  /** Orderly stop of one node; a leader lets another node lead first. */
  async stop(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#handles.get(node)?.stop(true);
  }

  /** Ends a node's thread at once, as a crash would: it writes nothing more, and what it had not yet written is lost. */
  async kill(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#handles.get(node)?.kill();
  }

  /**
   * Starts a node again from its file (a node that still runs is stopped first). A node whose file is gone or damaged, or that kept
   * everything in memory, comes back as a newcomer: it receives everything from its peers before it votes again.
   */
  async restart(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#handles.get(node)?.stop(true);
    await this.#spawn(node).catch((error: unknown) => this.#rebuild(node, error));
    this.#roster.onMade([node]);
  }

  /**
   * Rebuilds a node from its peers. Its file is moved aside, whatever its state.
   * @returns where the old file stands now, or undefined for a node without one.
   * @throws {StorageError} when the other nodes that run are no majority: what they lack might be in this file.
   */
  async repair(node: number): Promise<string | undefined> {
    this.#checkMember(node);
    this.#checkRebuildable(node);
    await this.#handles.get(node)?.stop(true);
    const movedTo = this.#moveAside(node);
    await this.#spawn(node);
    return movedTo;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#probe?.close();
    this.#probe = undefined;
    await Promise.all([...this.#handles.values()].map((handle) => handle.stop(false)));
    this.#handles.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- members ------------------------------------------------------------------------------------------------------

  /** Who takes part, as the leader says. @throws {NoLeaderError} */
  members(): Promise<ClusterMembers> {
    return this.#members.members();
  }

  /**
   * Starts another node and makes it a voter: first it receives the log, and votes once it has caught up.
   * @param id default: the lowest that is free. @returns its id.
   * @throws {ConfigError} for an id that is taken, or beyond 13 nodes. @throws {MembershipTimeoutError}
   */
  async addNode(id?: number): Promise<number> {
    const node = id === undefined ? freeId(this.nodeIds()) : parseSettings(NODE_ID, id, 'id');
    await this.changeMembers({ add: [node] });
    return node;
  }

  /** Takes a node's vote and stops it; its file stays. If it leads, another node does afterwards. @throws {ConfigError | MembershipTimeoutError} */
  async removeNode(id: number): Promise<void> {
    this.#checkMember(id);
    await this.changeMembers({ remove: [id] });
  }

  /** Adds and removes several nodes; voters leave in the same step in which the new ones begin to vote. @throws {ConfigError | MembershipTimeoutError} */
  async changeMembers(change: { readonly add?: readonly number[]; readonly remove?: readonly number[] }): Promise<void> {
    const { add, remove } = parseSettings(MEMBER_CHANGE, change, 'change');
    checkNewcomers(add, this.nodeIds(), remove.length);
    for (const node of remove) this.#checkMember(node);
    this.#roster.add(add);
    await Promise.all(add.map((node) => this.#spawn(node)));
    this.#roster.onMade(add);
    await this.#members.change(add, remove);
    await Promise.all(remove.map((node) => this.#handles.get(node)?.stop(false)));
    for (const node of remove) this.#handles.delete(node);
    this.#roster.remove(remove);
  }

  /** Lets node `to` lead, or whichever has most of the log. @returns who leads then. @throws {AdminRefusedError | NoLeaderError} */
  async transferLeadership(to?: number): Promise<number> {
    if (to !== undefined) this.#checkMember(to);
    return this.#members.transfer(to ?? 0);
  }

  // ---- faults -------------------------------------------------------------------------------------------------------

  /** Blocks the node's whole thread for a while, as a stopped event loop would. */
  async pause(node: number, durationMs: number): Promise<void> {
    this.#checkMember(node);
    parseSettings(PAUSE_MS, durationMs, 'durationMs');
    this.#handles.get(node)?.command({ type: 'pause', durationMs });
  }

  /** Cuts a node off from its peers, both ways. Clients still reach it. */
  async isolate(node: number): Promise<void> {
    this.#checkMember(node);
    await this.partition([[node], this.nodeIds().filter((other) => other !== node)]);
  }

  /** Nodes of different groups do not reach each other; a node in no group reaches nobody. */
  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    this.#faults.partition(parseSettings(groupsOf(this.nodeIds()), groups, 'groups'));
    this.#sendFaults();
  }

  /** Ends every partition, delay and loss. */
  async heal(): Promise<void> {
    this.#faults.heal();
    this.#sendFaults();
  }

  /** Every frame between nodes takes this long, or a random time in the range; their order stays. */
  async delay(ms: number | { readonly fromMs: number; readonly toMs: number }): Promise<void> {
    this.#faults.delay(parseSettings(DELAY, ms, 'ms'));
    this.#sendFaults();
  }

  /** Frames between nodes are lost with this probability. */
  async drop(probability: number): Promise<void> {
    this.#faults.drop(parseSettings(PROBABILITY, probability, 'probability'));
    this.#sendFaults();
  }

  // -------------------------------------------------------------------------------------------------------------------

  get #client(): Client {
    this.#probe ??= new Client(this);
    return this.#probe;
  }

  async #spawn(id: number): Promise<void> {
    const { dataDir, raft, limits, durability, logs, seed } = this.#settings;
    this.#starts += 1;
    const handle = new NodeHandle(
      {
        id,
        founders: this.#roster.founders,
        newDiskId: this.#roster.newDiskIdOf(id),
        raft,
        limits,
        durability,
        file: dataDir === undefined ? undefined : nodeFile(dataDir, id),
        // Nodes must differ, and so must a node's lives, or the same ties happen again.
        seed: (seed + id * 7919 + this.#starts * 104_729) % 0x7fffffff,
        log: logs === undefined ? undefined : { file: join(logs.dir, `node-${id}.log`), level: logs.level },
      },
      (error) => this.#onFailure(id, error),
    );
    for (const [peer, other] of this.#handles) {
      if (peer === id || !other.isRunning) continue;
      const { port1, port2 } = new MessageChannel();
      handle.command({ type: 'peer', id: peer, port: port1 }, [port1]);
      other.command({ type: 'peer', id, port: port2 }, [port2]);
    }
    this.#handles.set(id, handle);
    handle.command({ type: 'faults', faults: this.#faults.of(id, this.nodeIds()) });
    try {
      await handle.ready;
    } catch (error) {
      await handle.exited;
      throw error;
    }
  }

  /** A node stopped by itself. If it is its file that is damaged, its peers have what it needs. */
  #onFailure(node: number, error: Error): void {
    if (this.#isClosed) return;
    this.#handles
      .get(node)
      ?.exited.then(() => this.#rebuild(node, error))
      .catch((reason: Error) => this.#listeners.onNodeFailure(node, reason));
  }

  /** @throws what stopped the node, if that is not damage that its peers can make good. */
  async #rebuild(node: number, failure: unknown): Promise<void> {
    const isDamage = failure instanceof StorageError && failure.code === 'STORAGE_DAMAGED';
    if (!isDamage || this.#isClosed || this.#settings.repair === 'manual' || !this.#isRebuildable(node)) throw failure;
    const movedTo = this.#moveAside(node);
    await this.#spawn(node);
    this.#listeners.onRepair({ node, damage: failure, movedTo: movedTo ?? '' });
  }

  /** Whether the other nodes that run are a majority, and so have everything that was acknowledged. */
  #isRebuildable(node: number): boolean {
    const others = [...this.#handles.values()].filter((handle) => handle.id !== node && handle.isRunning);
    return others.length > this.nodeIds().length / 2;
  }

  #checkRebuildable(node: number): void {
    if (this.#isRebuildable(node)) return;
    throw new StorageError(
      'STORAGE_FAILED',
      `Node ${node} cannot be rebuilt: the other nodes that run are no majority, and might lack what its file holds. Start them first.`,
    );
  }

  #moveAside(node: number): string | undefined {
    const { dataDir } = this.#settings;
    const file = dataDir === undefined ? undefined : nodeFile(dataDir, node);
    this.#roster.onMade([node]);
    return file === undefined || !existsSync(file) ? undefined : moveDamagedAside(file);
  }

  async #reports(withDigest: boolean) {
    const running = [...this.#handles.values()].filter((handle) => handle.isRunning);
    const reports = await Promise.all(running.map(async (handle) => ({ node: handle.id, report: await handle.report(withDigest) })));
    return reports.flatMap(({ node, report }) => (report === undefined ? [] : [{ node, report }]));
  }

  #sendFaults(): void {
    for (const [node, handle] of this.#handles)
      if (handle.isRunning) handle.command({ type: 'faults', faults: this.#faults.of(node, this.nodeIds()) });
  }

  #checkMember(node: number): void {
    if (!this.nodeIds().includes(node)) throw new ConfigError('node', node, `The cluster's nodes are ${this.nodeIds().join(', ')}.`);
  }
}
