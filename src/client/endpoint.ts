import type { JobraftError } from '../base/errors.ts';
import type { MemoryRelease } from '../base/memory-release.ts';
import type { ClientClock } from './clock.ts';

/**
 * A client's channel to one node, independent of the transport. A packet contains one or more client frames (see client-frame.ts).
 * After `close`, or once the other side is gone, `send` does nothing.
 */
export interface ClientChannel {
  send(packet: Uint8Array): void;
  /** Of a channel whose `send` copies the packet: what gives its memory back once the request is answered. Default: the collector does. */
  readonly memory?: MemoryRelease | undefined;
  close(): void;
}

export interface ClientChannelHandlers {
  onPacket(packet: Uint8Array): void;
  /** The node is gone: nothing more will arrive on this channel. Called at most once, and not after `close()`. */
  onLost(): void;
}

/** How a client reaches the cluster. */
export interface ClusterEndpoint {
  /** The id of the process whose claims go through this endpoint: its leases are released together once it is gone. Default: 0, none. */
  readonly holder?: number;
  /**
   * Resolves once the leases of earlier processes are released, or soon after: jobs that are claimed earlier may run concurrently with one
   * of theirs.
   */
  readonly departedReleased?: Promise<void> | undefined;
  /** It was closed, and will not be opened again: no call can be answered any more. Default: false. */
  readonly isClosed?: boolean;
  /** The time of its clients: deadlines, leases, retries. Default: that of the process. */
  readonly clock?: ClientClock;
  /** What identifies the cluster: endpoints for which it is the same lead to one cluster. Default: the endpoint itself. */
  readonly clusterIdentity?: unknown;
  nodeIds(): readonly number[];
  /**
   * The cause that keeps a majority of the nodes from running until it is removed, such as a full disk, or the nodes from serving this
   * program, such as a revoked token; calls are rejected with it at once. Undefined while a majority runs, or may run again without its removal.
   */
  outageCause?(): JobraftError | undefined;
  /** Opens a channel to one node; `undefined` while that node is not running. */
  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined;
  /**
   * Calls `listener` once, when the endpoint is closed; `isClosed` is true by then. Open channels may bring replies until they are lost.
   * @returns ends the subscription.
   */
  onClosed?(listener: () => void): () => void;
}
