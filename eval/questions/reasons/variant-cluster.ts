import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../../src/client/endpoint.ts';
import { openClientPort } from '../../../src/cluster/client-port.ts';
import type { ClusterLimits } from '../../../src/config/limits.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import { systemClock } from '../../measuring/clock.ts';
import type { NodeBoot, NodeCommand, NodeReply } from './node-boot.ts';
import type { StorageKind } from './variants.ts';

const NODES = [1, 2, 3];
/** Of a node's thread, as of the production one. */
const YOUNG_GENERATION_MIB_MAX = 64;
const END_MS_MAX = 10_000;

export interface VariantClusterOptions {
  readonly storage: StorageKind;
  readonly raft: RaftConfig;
  readonly limits: ClusterLimits;
  /** Does not exist yet. */
  readonly dataDir: string;
  readonly seed: number;
}

/** Three nodes in threads, composed by the evaluation: `startCluster` has none of the variants. */
export class VariantCluster implements ClusterEndpoint, AsyncDisposable {
  readonly #threads: ReadonlyMap<number, Worker>;
  #nextConnection = 1;
  #isClosed = false;
  readonly #closedListeners = new Set<() => void>();
  /** The first error that ended a node. */
  #failure: Error | undefined;

  constructor(options: VariantClusterOptions) {
    const ports = new Map<number, { readonly node: number; readonly port: MessagePort }[]>(NODES.map((node) => [node, []]));
    for (const one of NODES) {
      for (const other of NODES.filter((node) => node > one)) {
        const { port1, port2 } = new MessageChannel();
        ports.get(one)?.push({ node: other, port: port1 });
        ports.get(other)?.push({ node: one, port: port2 });
      }
    }
    this.#threads = new Map(NODES.map((node) => [node, this.#start(node, ports.get(node) ?? [], options)]));
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Part of {@link ClusterEndpoint}: whether it was closed, or a node failed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  nodeIds(): readonly number[] {
    return NODES;
  }

  /** Part of {@link ClusterEndpoint}. */
  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  /** Part of {@link ClusterEndpoint}. */
  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    const thread = this.#threads.get(node);
    if (thread === undefined || this.#isClosed) return undefined;
    const connection = this.#nextConnection;
    this.#nextConnection += 1;
    return openClientPort(handlers, (port) => thread.postMessage({ type: 'client', connection, port } satisfies NodeCommand, [port]));
  }

  /** The nodes' own counters. @throws the error that ended a node. */
  async counters(): Promise<readonly NodeReply[]> {
    return await Promise.all([...this.#threads.values()].map((thread) => this.#countersOf(thread)));
  }

  /** Ends the nodes, with their files closed; calls without a reply are rejected. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    await Promise.all([...this.#threads.values()].map(endThread));
  }

  #start(id: number, peers: NodeBoot['peers'], { storage, raft, limits, dataDir, seed }: VariantClusterOptions): Worker {
    const folder = join(dataDir, `node-${id}`);
    mkdirSync(folder, { recursive: true });
    const workerData: NodeBoot = { id, nodes: NODES, peers, raft, limits, storage, folder, seed: seed * 100 + id };
    const thread = new Worker(new URL('./node-thread.js', import.meta.url), {
      workerData,
      transferList: peers.map(({ port }) => port),
      name: `variant node ${id}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB_MAX },
    });
    thread.on('error', (error: Error) => this.#onFailure(error));
    thread.on('exit', () => {
      if (!this.#isClosed) this.#onFailure(new Error(`The thread of node ${id} has ended.`));
    });
    return thread;
  }

  #onFailure(error: Error): void {
    this.#failure ??= error;
    this.#close();
  }

  #close(): void {
    this.#isClosed = true;
    for (const listener of [...this.#closedListeners]) listener();
    this.#closedListeners.clear();
  }

  async #countersOf(thread: Worker): Promise<NodeReply> {
    if (this.#failure !== undefined) throw this.#failure;
    return await new Promise<NodeReply>((resolve, reject) => {
      const onExit = () => reject(this.#failure ?? new Error('A node has ended.'));
      thread.once('exit', onExit);
      thread.once('message', (reply: NodeReply) => {
        thread.off('exit', onExit);
        resolve(reply);
      });
      thread.postMessage({ type: 'count' } satisfies NodeCommand);
    });
  }
}

/** A thread that does not end is stuck in a write. */
async function endThread(thread: Worker): Promise<void> {
  if (thread.threadId === -1) return;
  const hasEnded = new AbortController();
  thread.once('exit', () => hasEnded.abort());
  thread.postMessage({ type: 'stop' } satisfies NodeCommand);
  await systemClock.waitUntil(systemClock.nowMs() + END_MS_MAX, hasEnded.signal);
  if (!hasEnded.signal.aborted) await thread.terminate();
}
