import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { ConfigError } from '../base/errors.ts';
import { Client } from '../client/client.ts';
import { NoLeaderError } from '../client/errors.ts';
import type { NodeCounters } from '../node/node-metrics.ts';
import type { LogEntryView, NodeStatus } from '../transport/client-frame.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../transport/port.ts';
import type { LinkFaults } from '../transport/port-links.ts';
import { NO_FAULTS } from '../transport/port-links.ts';
import type { ClusterOptions, ClusterSettings } from './cluster-options.ts';
import { clusterSettings } from './cluster-options.ts';
import { nodeFile, prepareDataDir } from './data-dir.ts';
import { NodeHandle } from './node-handle.ts';

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
  const cluster = new Cluster(clusterSettings(options), options.onNodeFailure ?? warnOfFailure);
  try {
    await cluster.start();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

function warnOfFailure(_node: number, error: Error): void {
  process.emitWarning(error.message, { type: 'JobraftNodeFailure' });
}

/** A running embedded cluster; made by {@link startCluster}. */
export class Cluster implements ClusterEndpoint, AsyncDisposable {
  readonly #settings: ClusterSettings;
  readonly #onNodeFailure: (node: number, error: Error) => void;
  readonly #handles = new Map<number, NodeHandle>();
  #nextConnection = 1;
  #starts = 0;
  #blocked = new Map<number, readonly number[]>();
  #delay: LinkFaults['delay'];
  #dropProbability = 0;
  #probe: Client | undefined;

  constructor(settings: ClusterSettings, onNodeFailure: (node: number, error: Error) => void) {
    this.#settings = settings;
    this.#onNodeFailure = onNodeFailure;
  }

  /** Part of {@link startCluster}. */
  async start(): Promise<void> {
    const { dataDir, nodes, absent, logs } = this.#settings;
    if (dataDir !== undefined) prepareDataDir(dataDir, nodes);
    if (logs !== undefined) mkdirSync(logs.dir, { recursive: true });
    await Promise.all(nodes.filter((node) => !absent.includes(node)).map((node) => this.#spawn(node)));
  }

  nodeIds(): readonly number[] {
    return this.#settings.nodes;
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    const handle = this.#handles.get(node);
    if (handle === undefined || !handle.isRunning) return undefined;
    const { port1, port2 } = new MessageChannel();
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    let isClosed = false;
    port1.on('message', (packet: Uint8Array) => handlers.onPacket(packet));
    port1.on('close', () => {
      if (isClosed) return;
      isClosed = true;
      handlers.onLost();
    });
    handle.command({ type: 'client', connection, port: port2 }, [port2]);
    return {
      send: (packet) => port1.postMessage(packet),
      close: () => {
        isClosed = true;
        port1.close();
      },
    };
  }

  // ---- what is going on ---------------------------------------------------------------------------------------------

  /** GetStatus of one node. @throws {ConfigError} for an id that is not in the cluster. */
  status(node: number): Promise<NodeStatus> {
    this.#checkMember(node);
    return this.#client.status(node);
  }

  /** GetLog of one node: entries from `from` to `to`, both included, as far as its log still has them (1,000 at most). */
  log(node: number, from = 1, to = Number.MAX_SAFE_INTEGER): Promise<readonly LogEntryView[]> {
    this.#checkMember(node);
    return this.#client.log(node, from, to);
  }

  /** The leader of the highest term that any running node knows and that itself agrees. */
  async leader(): Promise<number | undefined> {
    let best: { node: number; term: number } | undefined;
    for (const handle of await this.#reports(false)) {
      if (handle.report.role === 'leader' && handle.report.term > (best?.term ?? 0)) best = { node: handle.node, term: handle.report.term };
    }
    return best?.node;
  }

  /** @throws {NoLeaderError} when none is found in time. */
  async waitForLeader(timeoutMs = LEADER_WAIT_MS): Promise<number> {
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

  /** Orderly stop of one node. */
  async stop(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#handles.get(node)?.stop();
  }

  /** Ends a node's thread wherever it stands: a crash. What it had not yet written is lost. */
  async kill(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#handles.get(node)?.kill();
  }

  /** Starts a node again from its file (a node that still runs is stopped first). With `storage: 'memory'` it starts empty, which Raft does not allow for a voter: only for tests of other things. */
  async restart(node: number): Promise<void> {
    this.#checkMember(node);
    await this.#handles.get(node)?.stop();
    await this.#spawn(node);
  }

  async close(): Promise<void> {
    await this.#probe?.close();
    this.#probe = undefined;
    await Promise.all([...this.#handles.values()].map((handle) => handle.stop()));
    this.#handles.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- faults -------------------------------------------------------------------------------------------------------

  /** Blocks the node's whole thread for a while, as a stopped event loop would. */
  async pause(node: number, durationMs: number): Promise<void> {
    this.#checkMember(node);
    this.#handles.get(node)?.command({ type: 'pause', durationMs });
  }

  /** Cuts a node off from its peers, both ways. Clients still reach it. */
  async isolate(node: number): Promise<void> {
    this.#checkMember(node);
    await this.partition([[node], this.nodeIds().filter((other) => other !== node)]);
  }

  /** Nodes of different groups do not reach each other; a node in no group reaches nobody. */
  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    this.#blocked.clear();
    for (const node of this.nodeIds()) {
      const group = groups.find((members) => members.includes(node)) ?? [node];
      this.#blocked.set(
        node,
        this.nodeIds().filter((other) => !group.includes(other)),
      );
    }
    this.#sendFaults();
  }

  /** Ends every partition, delay and loss. */
  async heal(): Promise<void> {
    this.#blocked = new Map();
    this.#delay = undefined;
    this.#dropProbability = 0;
    this.#sendFaults();
  }

  /** Every frame between nodes takes this long, or a random time in the range; their order stays. */
  async delay(ms: number | { readonly fromMs: number; readonly toMs: number }): Promise<void> {
    this.#delay = typeof ms === 'number' ? { fromMs: ms, toMs: ms } : ms;
    this.#sendFaults();
  }

  /** Frames between nodes are lost with this probability. */
  async drop(probability: number): Promise<void> {
    if (!(probability >= 0 && probability <= 1)) throw new ConfigError('probability', probability, 'Give a number from 0 to 1.');
    this.#dropProbability = probability;
    this.#sendFaults();
  }

  // -------------------------------------------------------------------------------------------------------------------

  get #client(): Client {
    this.#probe ??= new Client(this);
    return this.#probe;
  }

  async #spawn(id: number): Promise<void> {
    const { dataDir, nodes, raft, limits, durability, logs, seed } = this.#settings;
    this.#starts += 1;
    const handle = new NodeHandle(
      {
        id,
        nodes,
        raft,
        limits,
        durability,
        file: dataDir === undefined ? undefined : nodeFile(dataDir, id),
        // Nodes must differ, and so must a node's lives, or the same ties happen again.
        seed: (seed + id * 7919 + this.#starts * 104_729) % 0x7fffffff,
        log: logs === undefined ? undefined : { file: join(logs.dir, `node-${id}.log`), level: logs.level },
      },
      (error) => this.#onNodeFailure(id, error),
    );
    for (const [peer, other] of this.#handles) {
      if (peer === id || !other.isRunning) continue;
      const { port1, port2 } = new MessageChannel();
      handle.command({ type: 'peer', id: peer, port: port1 }, [port1]);
      other.command({ type: 'peer', id, port: port2 }, [port2]);
    }
    this.#handles.set(id, handle);
    handle.command({ type: 'faults', faults: this.#faultsOf(id) });
    await handle.ready;
  }

  async #reports(withDigest: boolean) {
    const running = [...this.#handles.values()].filter((handle) => handle.isRunning);
    const reports = await Promise.all(running.map(async (handle) => ({ node: handle.id, report: await handle.report(withDigest) })));
    return reports.flatMap(({ node, report }) => (report === undefined ? [] : [{ node, report }]));
  }

  #faultsOf(node: number): LinkFaults {
    return { ...NO_FAULTS, blocked: this.#blocked.get(node) ?? [], delay: this.#delay, dropProbability: this.#dropProbability };
  }

  #sendFaults(): void {
    for (const [node, handle] of this.#handles) if (handle.isRunning) handle.command({ type: 'faults', faults: this.#faultsOf(node) });
  }

  #checkMember(node: number): void {
    if (!this.nodeIds().includes(node)) throw new ConfigError('node', node, `The cluster's nodes are ${this.nodeIds().join(', ')}.`);
  }
}
