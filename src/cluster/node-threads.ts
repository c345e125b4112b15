import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { ClusterClosedError } from '../client/errors.ts';
import { moveDamagedAside } from '../storage/damaged-file.ts';
import { StorageError } from '../storage/errors.ts';
import type { ClusterListeners } from './cluster-listeners.ts';
import type { ClusterSettings } from './cluster-options.ts';
import type { NetworkFaults } from './network-faults.ts';
import type { NodeReport } from './node-boot.ts';
import { NodeHandle } from './node-handle.ts';
import { nodeFile, type Roster } from './roster.ts';

export interface NodeThreadsParts {
  readonly settings: ClusterSettings;
  readonly listeners: ClusterListeners;
  readonly roster: Roster;
  readonly faults: NetworkFaults;
}

/** The threads of a cluster's nodes: starts them, connects them, and rebuilds those whose file is damaged from the others. */
export class NodeThreads {
  readonly #settings: ClusterSettings;
  readonly #listeners: ClusterListeners;
  readonly #roster: Roster;
  readonly #faults: NetworkFaults;
  readonly #handles = new Map<number, NodeHandle>();
  #starts = 0;
  #isClosed = false;

  constructor({ settings, listeners, roster, faults }: NodeThreadsParts) {
    this.#settings = settings;
    this.#listeners = listeners;
    this.#roster = roster;
    this.#faults = faults;
  }

  get(node: number): NodeHandle | undefined {
    return this.#handles.get(node);
  }

  /** Starts all of them, and rebuilds those whose file is damaged. */
  async start(nodes: readonly number[]): Promise<void> {
    const outcomes = await Promise.allSettled(nodes.map((node) => this.spawn(node)));
    const failures = outcomes.flatMap((outcome, at) =>
      outcome.status === 'rejected' ? [{ node: nodes[at] ?? 0, error: outcome.reason }] : [],
    );
    // One after the other: each is rebuilt by a majority that is sound, or the start fails with what is wrong.
    for (const { node, error } of failures) await this.#rebuild(node, error);
  }

  async restart(node: number): Promise<void> {
    await this.#handles.get(node)?.stop(true);
    await this.spawn(node).catch((error: unknown) => this.#rebuild(node, error));
  }

  /** @returns where the old file is now. @throws {StorageError} when the other nodes that run are no majority. */
  async repair(node: number): Promise<string | undefined> {
    this.#checkRebuildable(node);
    await this.#handles.get(node)?.stop(true);
    this.#checkOpen();
    const movedTo = this.#moveAside(node);
    await this.spawn(node);
    return movedTo;
  }

  async remove(nodes: readonly number[]): Promise<void> {
    await Promise.all(nodes.map((node) => this.#handles.get(node)?.stop(false)));
    for (const node of nodes) this.#handles.delete(node);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#handles.values()].map((handle) => handle.stop(false)));
    this.#handles.clear();
  }

  /** What every node that runs says about itself; those that do not answer in time are left out. */
  async reports(withDigest: boolean): Promise<{ readonly node: number; readonly report: NodeReport }[]> {
    const running = [...this.#handles.values()].filter((handle) => handle.isRunning);
    const reports = await Promise.all(running.map(async (handle) => ({ node: handle.id, report: await handle.report(withDigest) })));
    return reports.flatMap(({ node, report }) => (report === undefined ? [] : [{ node, report }]));
  }

  sendFaults(): void {
    for (const [node, handle] of this.#handles)
      if (handle.isRunning) handle.command({ type: 'faults', faults: this.#faults.of(node, this.#roster.nodes) });
  }

  /** @throws {ClusterClosedError | StorageError} or what else kept the node from starting. */
  async spawn(id: number): Promise<void> {
    this.#checkOpen();
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
    handle.command({ type: 'faults', faults: this.#faults.of(id, this.#roster.nodes) });
    try {
      await handle.ready;
    } catch (error) {
      await handle.exited;
      this.#checkOpen();
      throw error;
    }
  }

  /** A node stopped by itself. If it is its file that is damaged, its peers have what it needs. */
  #onFailure(node: number, error: Error): void {
    if (this.#isClosed) return;
    this.#handles
      .get(node)
      ?.exited.then(() => this.#rebuild(node, error))
      .catch((reason: Error) => {
        if (!this.#isClosed) this.#listeners.onNodeFailure(node, reason);
      });
  }

  /** @throws what stopped the node, if that is not damage that its peers can make good. */
  async #rebuild(node: number, failure: unknown): Promise<void> {
    const isDamage = failure instanceof StorageError && failure.code === 'STORAGE_DAMAGED';
    if (!isDamage || this.#isClosed || this.#settings.repair === 'manual' || !this.#isRebuildable(node)) throw failure;
    const movedTo = this.#moveAside(node);
    await this.spawn(node);
    this.#listeners.onRepair({ node, damage: failure, movedTo: movedTo ?? '' });
  }

  /** Whether the other nodes that run are a majority, and so have everything that was acknowledged. */
  #isRebuildable(node: number): boolean {
    const others = [...this.#handles.values()].filter((handle) => handle.id !== node && handle.isRunning);
    return others.length > this.#roster.nodes.length / 2;
  }

  #checkRebuildable(node: number): void {
    if (this.#isRebuildable(node)) return;
    throw new StorageError(
      'STORAGE_FAILED',
      `Node ${node} cannot be rebuilt: the other nodes that run are no majority, and might lack what its file holds. Start them first.`,
      { outcome: 'not-applied' },
    );
  }

  #moveAside(node: number): string | undefined {
    const { dataDir } = this.#settings;
    const file = dataDir === undefined ? undefined : nodeFile(dataDir, node);
    this.#roster.onMade([node]);
    return file === undefined || !existsSync(file) ? undefined : moveDamagedAside(file);
  }

  /** @throws {ClusterClosedError} */
  #checkOpen(): void {
    if (this.#isClosed) throw new ClusterClosedError();
  }
}
