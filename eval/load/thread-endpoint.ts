import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../src/index.ts';

/** The nodes as the coordinating thread knows them. */
export interface BridgeNodes {
  readonly nodeIds: readonly number[];
  readonly running: readonly number[];
}

/** Data of a thread that uses the cluster of another one; `port` has to be transferred. */
export interface BridgeData {
  readonly port: MessagePort;
  readonly nodes: BridgeNodes;
  /** See {@link ClusterEndpoint.holder}. */
  readonly holder: number;
}

export type BridgeNotice = { readonly type: 'nodes'; readonly nodes: BridgeNodes } | { readonly type: 'closed' };

/** Requests a channel to a node; `port` carries its packets, and is closed when the channel is lost or cannot be opened. */
export interface BridgeRequest {
  readonly node: number;
  readonly port: MessagePort;
}

/**
 * The cluster of another thread. Each channel is a MessagePort to that thread, where a `ClusterBridge` relays its packets. A change of the
 * running nodes is known some milliseconds later than there. It has no `outageCause`: calls during an outage fail by their deadlines.
 */
export class ThreadEndpoint implements ClusterEndpoint {
  readonly holder: number;
  readonly #port: MessagePort;
  readonly #closedListeners = new Set<() => void>();
  #nodes: BridgeNodes;
  #isClosed = false;

  constructor({ port, nodes, holder }: BridgeData) {
    this.holder = holder;
    this.#port = port;
    this.#nodes = nodes;
    port.on('message', (notice: BridgeNotice) => {
      if (notice.type === 'nodes') this.#nodes = notice.nodes;
      else this.#onClosed();
    });
    port.on('close', () => this.#onClosed());
    // The thread's work keeps it alive, not its knowledge of the nodes.
    port.unref();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  nodeIds(): readonly number[] {
    return this.#nodes.nodeIds;
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    if (this.#isClosed || !this.#nodes.running.includes(node)) return undefined;
    const { port1, port2 } = new MessageChannel();
    let isClosed = false;
    port1.on('message', (packet: Uint8Array) => {
      if (!isClosed) handlers.onPacket(packet);
    });
    port1.on('close', () => {
      if (isClosed) return;
      isClosed = true;
      handlers.onLost();
    });
    this.#port.postMessage({ node, port: port2 } satisfies BridgeRequest, [port2]);
    return {
      // Copied: the client keeps the packet until it is answered, and may send it again.
      send: (packet) => port1.postMessage(packet),
      close: () => {
        isClosed = true;
        port1.close();
      },
    };
  }

  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  #onClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const listener of [...this.#closedListeners]) listener();
    this.#closedListeners.clear();
  }
}
