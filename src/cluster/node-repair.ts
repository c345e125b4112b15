import { existsSync } from 'node:fs';
import { ClusterClosedError } from '../client/errors.ts';
import type { RebuildRejection } from '../node/admin-handler.ts';
import { moveDamagedAside } from '../storage/damaged-file.ts';
import { StorageError } from '../storage/errors.ts';
import type { ClusterListeners } from './cluster-listeners.ts';
import type { ClusterManifest } from './cluster-manifest.ts';
import type { ClusterSettings } from './cluster-options.ts';
import type { Exclusive } from './exclusive.ts';
import type { NodeReport, ReportPart } from './node-boot.ts';
import { nodeFile } from './node-file.ts';
import type { NodeHandle } from './node-handle.ts';
import { type RebuildReply, Rebuilds } from './rebuilds.ts';

/** The nodes' threads, as their repair needs them. */
export interface RepairedThreads {
  readonly isClosed: boolean;
  get(node: number): NodeHandle | undefined;
  /** Of all nodes that were started and not removed. */
  handles(): readonly NodeHandle[];
  reports(part: ReportPart): Promise<readonly { readonly node: number; readonly report: NodeReport }[]>;
  spawn(node: number): Promise<void>;
}

export interface NodeRepairParts {
  readonly settings: ClusterSettings;
  readonly listeners: ClusterListeners;
  readonly manifest: ClusterManifest;
  readonly exclusive: Exclusive;
  readonly threads: RepairedThreads;
}

/**
 * Rebuilds nodes from their peers: those whose file is damaged or older than it was, and those that a user names. Its methods are called
 * within the node's queue of operations.
 */
export class NodeRepair {
  readonly #settings: ClusterSettings;
  readonly #listeners: ClusterListeners;
  readonly #manifest: ClusterManifest;
  readonly #threads: RepairedThreads;
  readonly #rebuilds: Rebuilds;

  constructor({ settings, listeners, manifest, exclusive, threads }: NodeRepairParts) {
    this.#settings = settings;
    this.#listeners = listeners;
    this.#manifest = manifest;
    this.#threads = threads;
    this.#rebuilds = new Rebuilds({
      dataDir: settings.dataDir,
      ask: (node, question) => this.#askToRebuild(node, question),
      unfinished: () => this.#unfinishedRebuilds(),
      areOthersRunning: (node) => this.#areOthersRunning(node),
      isClosed: () => threads.isClosed,
      exclusive,
    });
  }

  /** @returns the new path of the old file. @throws {StorageError} when the others do not have everything that was acknowledged. */
  async repair(node: number): Promise<string | undefined> {
    if (!this.#areOthersRunning(node)) throw await this.#rebuilds.rejected(node, this.#tooFewRun());
    const isRunning = this.#threads.get(node)?.isRunning === true;
    return await this.#rebuilds.run(node, {
      stop: async () => {
        await this.#threads.get(node)?.stop(true);
      },
      replace: async () => {
        this.#checkOpen();
        const movedTo = this.#moveAside(node);
        await this.#threads.spawn(node);
        return movedTo;
      },
      resume: async () => {
        if (isRunning) await this.#threads.spawn(node);
      },
    });
  }

  /** @throws the error that stopped the node, if its peers cannot repair it. */
  async rebuild(node: number, failure: unknown): Promise<void> {
    if (!(failure instanceof StorageError) || this.#threads.isClosed || this.#settings.repair === 'manual') throw failure;
    const replace = async (): Promise<void> => {
      this.#checkOpen();
      const movedTo = this.#moveAside(node);
      await this.#threads.spawn(node);
      this.#listeners.onRepair({ node, damage: failure, movedTo: movedTo ?? '' });
    };
    if (failure.code === 'STORAGE_ROLLED_BACK' && this.#areOthersSound(node)) await replace();
    else if (failure.code === 'STORAGE_DAMAGED' && this.#areOthersRunning(node)) await this.#rebuilds.run(node, { replace }, failure);
    else if (failure.code === 'STORAGE_DAMAGED' || failure.code === 'STORAGE_ROLLED_BACK')
      throw await this.#rebuilds.rejected(node, this.#tooFewRun(), failure);
    else throw failure;
  }

  /** Asks the running nodes; only a leader can decide. */
  async #askToRebuild(node: number, question: number): Promise<RebuildReply> {
    const running = this.#threads.handles().filter((handle) => handle.isRunning);
    const replies = await Promise.all(running.map((handle) => handle.rebuildReply(node, question)));
    const leaders = replies.filter((reply) => reply?.isFromLeader === true);
    return leaders.find((reply) => reply?.rejection === undefined) ?? leaders[0] ?? { isFromLeader: false, rejection: undefined };
  }

  async #unfinishedRebuilds(): Promise<number[]> {
    const reports = await this.#threads.reports('nothing');
    const isVotersDisk = (node: number, disk: number): boolean =>
      reports.every(({ report }) => report.voterDisks.every((voter) => disk === 0 || voter.node !== node || voter.disk === disk));
    return reports.filter(({ node, report }) => !isVotersDisk(node, report.disk)).map(({ node }) => node);
  }

  /** Whether the other running nodes are a majority; whether they have everything, the leader decides. */
  #areOthersRunning(node: number): boolean {
    const others = this.#threads.handles().filter((handle) => handle.id !== node && handle.isRunning);
    return others.length > this.#manifest.nodes.length / 2;
  }

  /** Of two nodes, the other one is no majority even if it runs. */
  #tooFewRun(): RebuildRejection {
    const count = this.#manifest.nodes.length;
    if (count > 2) return { message: 'the other nodes that run are no majority.', isFinal: false };
    return { message: `a cluster of ${count} ${count === 1 ? 'node' : 'nodes'} has no majority without this node.`, isFinal: true };
  }

  /**
   * Whether the others may still be a majority: those that run, and those that were not started yet. A file that was restored from an older
   * copy never counts as a copy, so they need not run before it is moved aside.
   */
  #areOthersSound(node: number): boolean {
    const others = this.#manifest.nodes.filter((other) => other !== node && this.#threads.get(other)?.isRunning !== false);
    return others.length > this.#manifest.nodes.length / 2;
  }

  #moveAside(node: number): string | undefined {
    const { dataDir } = this.#settings;
    const file = dataDir === undefined ? undefined : nodeFile(dataDir, node);
    this.#manifest.onFilesCreated([node]);
    return file === undefined || !existsSync(file) ? undefined : moveDamagedAside(file);
  }

  /** @throws {ClusterClosedError} */
  #checkOpen(): void {
    if (this.#threads.isClosed) throw new ClusterClosedError();
  }
}
