import { MessageChannel } from 'node:worker_threads';
import { ConfigError } from '../base/errors.ts';
import type { Generation } from '../base/generation.ts';
import { ClusterClosedError } from '../client/errors.ts';
import { logFileOf } from '../logs/log-folder.ts';
import { StorageError } from '../storage/errors.ts';
import type { ClusterListeners } from './cluster-listeners.ts';
import { type ClusterManifest, newLife } from './cluster-manifest.ts';
import type { ClusterSettings } from './cluster-options.ts';
import type { Exclusive } from './exclusive.ts';
import type { NetworkFaults } from './network-faults.ts';
import type { NodeReport, ReportPart } from './node-boot.ts';
import { nodeFile } from './node-file.ts';
import { NodeHandle, NodeStuckError } from './node-handle.ts';
import { NodeRepair, type RepairedThreads } from './node-repair.ts';

/** A node that takes longer to reply is blocked. */
const FAULTS_WAIT_MS = 1_000;

export interface NodeThreadsParts {
  readonly settings: ClusterSettings;
  readonly listeners: ClusterListeners;
  readonly manifest: ClusterManifest;
  readonly faults: NetworkFaults;
  readonly exclusive: Exclusive;
  /** The Unix socket on which a node takes clients of other processes; undefined where it takes none. */
  readonly clientSocketOf?: ((node: number) => string) | undefined;
}

/** Supervises the threads of a cluster's nodes: starts, connects and ends them, and has those repaired that stop by themselves. */
export class NodeThreads implements RepairedThreads {
  readonly #settings: ClusterSettings;
  readonly #listeners: ClusterListeners;
  readonly #manifest: ClusterManifest;
  readonly #faults: NetworkFaults;
  readonly #handles = new Map<number, NodeHandle>();
  /** The last operation of each node: starts, stops and rebuilds of a node run one after the other, so that it never has two threads. */
  readonly #latest = new Map<number, Promise<void>>();
  readonly #repair: NodeRepair;
  readonly #clientSocketOf: ((node: number) => string) | undefined;
  #starts = 0;
  #isClosed = false;

  constructor({ settings, listeners, manifest, faults, exclusive, clientSocketOf }: NodeThreadsParts) {
    this.#clientSocketOf = clientSocketOf;
    this.#settings = settings;
    this.#listeners = listeners;
    this.#manifest = manifest;
    this.#faults = faults;
    this.#repair = new NodeRepair({ settings, listeners, manifest, exclusive, threads: this });
  }

  /** Part of {@link RepairedThreads}. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Of all nodes that were started and not removed, also of those that ended. */
  handles(): readonly NodeHandle[] {
    return [...this.#handles.values()];
  }

  get(node: number): NodeHandle | undefined {
    return this.#handles.get(node);
  }

  /** The full disk that stopped a node without which there is no majority: until there is space, that node cannot run. */
  outageCause(): StorageError | undefined {
    let running = 0;
    let cause: StorageError | undefined;
    for (const { isRunning, failure } of this.#handles.values()) {
      if (isRunning) running += 1;
      else if (failure instanceof StorageError && failure.code === 'STORAGE_FULL') cause ??= failure;
    }
    return running > this.#manifest.nodes.length / 2 ? undefined : cause;
  }

  /** Starts all of them, and rebuilds those whose file is damaged. */
  async start(nodes: readonly number[]): Promise<void> {
    const outcomes = await Promise.allSettled(nodes.map((node) => this.add(node)));
    const failures = outcomes.flatMap((outcome, at) =>
      outcome.status === 'rejected' ? [{ node: nodes[at] ?? 0, error: outcome.reason }] : [],
    );
    // This process has the folder: no other node of the cluster runs.
    for (const handle of this.#handles.values()) if (handle.isRunning) handle.command({ type: 'leaderless' });
    // One after the other: each is rebuilt by a majority of undamaged nodes, or the start fails with the reason.
    for (const { node, error } of failures) await this.#inTurn(node, () => this.#repair.rebuild(node, error));
  }

  /** Starts a node that does not run. @throws {ClusterClosedError | StorageError} or another error of the start. */
  async add(node: number): Promise<void> {
    await this.#inTurn(node, async () => {
      if (this.#handles.get(node)?.isRunning !== true) await this.spawn(node);
    });
  }

  async stop(node: number): Promise<void> {
    await this.#inTurn(node, async () => this.#handles.get(node)?.stop(true));
  }

  async restart(node: number): Promise<void> {
    await this.#inTurn(node, async () => {
      await this.#handles.get(node)?.stop(true);
      await this.spawn(node).catch((error: unknown) => this.#repair.rebuild(node, error));
    });
  }

  /** @returns the new path of the old file. @throws {StorageError} when the others do not have everything that was acknowledged. */
  async repair(node: number): Promise<string | undefined> {
    return await this.#inTurn(node, () => this.#repair.repair(node));
  }

  async remove(nodes: readonly number[]): Promise<void> {
    await Promise.all(
      nodes.map((node) =>
        this.#inTurn(node, async () => {
          const handle = this.#handles.get(node);
          this.#handles.delete(node);
          if (handle !== undefined) await this.#end(handle);
        }),
      ),
    );
  }

  /** Ends all nodes, also one that is being started. A thread that cannot be ended is reported, and left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#handles.values()].map((handle) => this.#end(handle)));
    await Promise.all(this.#latest.values());
    this.#handles.clear();
  }

  async #end(handle: NodeHandle): Promise<void> {
    try {
      await handle.stop(false);
    } catch (error) {
      if (!(error instanceof NodeStuckError)) throw error;
      this.#listeners.onNodeFailure(handle.id, error);
    }
  }

  /** The reports of all running nodes; those that do not reply in time are left out. @param withinMs maximum wait. */
  async reports(part: ReportPart, withinMs = Number.POSITIVE_INFINITY): Promise<{ readonly node: number; readonly report: NodeReport }[]> {
    const replies: { readonly node: number; readonly report: NodeReport }[] = [];
    const ask = async (handle: NodeHandle): Promise<void> => {
      const report = await handle.report(part);
      if (report !== undefined) replies.push({ node: handle.id, report });
    };
    const all = Promise.all([...this.#handles.values()].map(ask));
    await (withinMs === Number.POSITIVE_INFINITY ? all : settledWithin(all, withinMs));
    return replies.toSorted((one, other) => one.node - other.node);
  }

  /**
   * Waits until the running nodes have the faults: a request on another channel may be faster. A node whose thread is blocked gets them
   * when it goes on.
   */
  async sendFaults(): Promise<void> {
    for (const [node, handle] of this.#handles)
      if (handle.isRunning) handle.command({ type: 'faults', faults: this.#faults.of(node, this.#manifest.nodes) });
    await this.reports('nothing', FAULTS_WAIT_MS);
  }

  /** Starts a node's thread; only within the node's queue of operations. @throws {ClusterClosedError | StorageError} or another error of the start. */
  async spawn(id: number): Promise<void> {
    this.#checkOpen();
    // It may have been removed since the call.
    if (!this.#manifest.nodes.includes(id))
      throw new ConfigError('node', id, `The cluster's nodes are ${this.#manifest.nodes.join(', ')}.`);
    const { dataDir, raft, limits, durability, keys, logs, seed } = this.#settings;
    this.#starts += 1;
    const socket = this.#clientSocketOf?.(id);
    const handle: NodeHandle = new NodeHandle(
      {
        id,
        founders: this.#manifest.founders,
        newDiskId: this.#manifest.newDiskIdOf(id),
        raft,
        limits,
        durability,
        keys,
        file: dataDir === undefined ? undefined : nodeFile(dataDir, id),
        // Without fsync a power cut may undo writes: such files have no generation.
        claims: {
          origin: this.#manifest.origin,
          recorded: this.#manifest.recordedOf(id),
          ...(durability === 'full' ? { life: newLife() } : {}),
        },
        // Seeds must differ between nodes and between restarts of a node, or the same ties repeat.
        seed: (seed + id * 7919 + this.#starts * 104_729) % 0x7fffffff,
        clientSocket: socket === undefined ? undefined : { path: socket, cluster: this.#manifest.origin.cluster },
        log: logs === undefined ? undefined : { file: logFileOf(logs.dir, id), level: logs.level },
      },
      (error) => this.#onFailure(handle, error),
      ({ disk, generation, isCheckpoint }) => this.#onGeneration(id, disk, generation, isCheckpoint),
    );
    for (const [peer, other] of this.#handles) {
      if (peer === id || !other.isRunning) continue;
      const { port1, port2 } = new MessageChannel();
      handle.command({ type: 'peer', id: peer, port: port1 }, [port1]);
      other.command({ type: 'peer', id, port: port2 }, [port2]);
    }
    this.#handles.set(id, handle);
    handle.command({ type: 'faults', faults: this.#faults.of(id, this.#manifest.nodes) });
    try {
      await handle.ready;
    } catch (error) {
      if (!(error instanceof NodeStuckError)) await handle.stop(false);
      this.#checkOpen();
      throw error;
    }
    if (this.#isClosed) {
      await this.#end(handle);
      this.#checkOpen();
    }
  }

  #onGeneration(node: number, disk: number, generation: Generation, isCheckpoint: boolean): void {
    try {
      this.#manifest.onGeneration(node, disk, generation, isCheckpoint);
    } catch {
      // The cluster works without the record; a failed write is reported where it matters.
    }
  }

  /** A node stopped by itself. If its file is damaged, it is rebuilt from its peers. */
  #onFailure(handle: NodeHandle, error: Error): void {
    const node = handle.id;
    if (this.#isClosed) return;
    this.#inTurn(node, async () => {
      await handle.stop(false);
      // It may have been started again, or removed, meanwhile.
      if (this.#handles.get(node) === handle) await this.#repair.rebuild(node, error);
    }).catch((reason: Error) => {
      if (!this.#isClosed) this.#listeners.onNodeFailure(node, reason);
    });
  }

  /** Begins once all earlier operations of the node have ended. */
  #inTurn<Result>(node: number, run: () => Promise<Result>): Promise<Result> {
    const result = (this.#latest.get(node) ?? Promise.resolve()).then(run);
    const ended = result.then(
      () => undefined,
      () => undefined,
    );
    this.#latest.set(node, ended);
    void ended.then(() => {
      if (this.#latest.get(node) === ended) this.#latest.delete(node);
    });
    return result;
  }

  /** @throws {ClusterClosedError} */
  #checkOpen(): void {
    if (this.#isClosed) throw new ClusterClosedError();
  }
}

/** Waits for the work, but no longer than this; the work continues afterwards. */
export async function settledWithin(work: Promise<unknown>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const isOver = new Promise<void>((resolve) => {
    // After a pause of the event loop timers run before the messages that arrived meanwhile are read.
    timer = setTimeout(() => setImmediate(resolve), withinMs);
  });
  await Promise.race([work, isOver]);
  clearTimeout(timer);
}
