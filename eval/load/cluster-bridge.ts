import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ClusterEndpoint } from '../../src/index.ts';
import type { BridgeData, BridgeNodes, BridgeNotice, BridgeRequest } from './thread-endpoint.ts';

/** A cluster, or another endpoint that knows which of its nodes run; without `isRunning` all do. */
export type BridgedCluster = ClusterEndpoint & { isRunning?(node: number): boolean };

const POLL_MS = 10;

/** The coordinating thread's side of a {@link ThreadEndpoint}: relays packets between its channels and the cluster. */
export class ClusterBridge implements Disposable {
  /** For the thread's `workerData`, with `data.port` in its `transferList`. */
  readonly data: BridgeData;
  readonly #cluster: BridgedCluster;
  readonly #port: MessagePort;
  readonly #poll: NodeJS.Timeout;
  readonly #unsubscribe: (() => void) | undefined;
  #known: BridgeNodes;

  constructor(cluster: BridgedCluster) {
    const { port1, port2 } = new MessageChannel();
    this.#cluster = cluster;
    this.#port = port1;
    this.#known = this.#nodes();
    this.data = { port: port2, nodes: this.#known, holder: cluster.holder ?? 0 };
    port1.on('message', (request: BridgeRequest) => this.#openChannel(request));
    port1.unref();
    this.#poll = setInterval(() => this.#postNodes(), POLL_MS).unref();
    this.#unsubscribe = cluster.onClosed?.(() => this.#post({ type: 'closed' }));
  }

  /** The thread's endpoint is closed. */
  [Symbol.dispose](): void {
    clearInterval(this.#poll);
    this.#unsubscribe?.();
    this.#port.close();
  }

  #openChannel({ node, port }: BridgeRequest): void {
    const onLost = (): void => {
      this.#postNodes();
      port.close();
    };
    const channel = this.#cluster.openChannel(node, {
      onPacket: (packet) => port.postMessage(packet, transferListOf(packet)),
      onLost,
    });
    if (channel === undefined) {
      onLost();
      return;
    }
    port.on('message', (packet: Uint8Array) => channel.send(packet));
    port.on('close', () => channel.close());
  }

  #postNodes(): void {
    const nodes = this.#nodes();
    if (isEqual(nodes.nodeIds, this.#known.nodeIds) && isEqual(nodes.running, this.#known.running)) return;
    this.#known = nodes;
    this.#post({ type: 'nodes', nodes });
  }

  #nodes(): BridgeNodes {
    const nodeIds = [...this.#cluster.nodeIds()];
    return { nodeIds, running: nodeIds.filter((node) => this.#cluster.isRunning?.(node) ?? true) };
  }

  #post(notice: BridgeNotice): void {
    this.#port.postMessage(notice);
  }
}

/** A packet that was received owns its memory, unless it is a part of something larger. */
const transferListOf = ({ buffer, byteLength }: Uint8Array): readonly ArrayBuffer[] =>
  buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];

const isEqual = (left: readonly number[], right: readonly number[]): boolean =>
  left.length === right.length && left.every((value, at) => value === right[at]);
