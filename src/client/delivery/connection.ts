import { ByteWriter } from '../../base/bytes.ts';
import type { JobraftError, Outcome } from '../../base/errors.ts';
import type { MemoryRelease } from '../../base/memory-release.ts';
import { type ClientFrame, type NodeStatus, readServerFrames, type ServerFrame, writeClientFrame } from '../../protocol/client-frame.ts';
import type { ClientChannel, ClusterEndpoint } from '../endpoint.ts';
import { QuorumLostError } from '../errors.ts';
import { AccessDeniedError, ClusterReplacedError } from '../outage-errors.ts';

export type RequestRejection = Extract<ServerFrame, { readonly type: 'rejected' }>;
export type AdminRejection = Extract<ServerFrame, { readonly type: 'admin-rejected' }>;
export type LogReply = Extract<ServerFrame, { readonly type: 'log' }>;

export interface ConnectionHandlers {
  onReply(reply: Uint8Array, node: number): void;
  /** @param first the place of the first operation with a result in the reply. */
  onReplyPart(first: number, reply: Uint8Array, node: number): void;
  onRequestRejected(rejection: RequestRejection, node: number): void;
  onStatus(call: number, status: NodeStatus, node: number): void;
  onLog(reply: LogReply, node: number): void;
  onDone(call: number): void;
  onAdminRejected(rejection: AdminRejection): void;
  /** The node's channel is lost, with all replies in transit. */
  onLost(node: number): void;
}

/**
 * The channels to the nodes: at most one each, opened when first needed and kept, so that a late reply still arrives
 * after the client moved to another node. Independent of requests.
 */
export class Connection {
  readonly #endpoint: ClusterEndpoint;
  readonly #handlers: ConnectionHandlers;
  readonly #channels = new Map<number, ClientChannel>();
  #isClosed = false;

  constructor(endpoint: ClusterEndpoint, handlers: ConnectionHandlers) {
    this.#endpoint = endpoint;
    this.#handlers = handlers;
  }

  /** Equal for two connections to one cluster. */
  get cluster(): unknown {
    return this.#endpoint.clusterIdentity ?? this.#endpoint;
  }

  nodeIds(): readonly number[] {
    return this.#endpoint.nodeIds();
  }

  /** @returns false when the node does not run: nothing was sent. */
  send(node: number, packet: Uint8Array): boolean {
    const channel = this.#channelTo(node);
    if (channel === undefined) return false;
    channel.send(packet);
    return true;
  }

  /** What gives back the memory of packets that were sent to the node; undefined while its channel may still read them. */
  memoryOf(node: number): MemoryRelease | undefined {
    return this.#channels.get(node)?.memory;
  }

  sendFrame(node: number, frame: ClientFrame): boolean {
    return this.send(node, packetOf(frame));
  }

  isReachable(node: number): boolean {
    return this.#channelTo(node) !== undefined;
  }

  /** Whether any node runs. */
  isAnyReachable(): boolean {
    return this.nodeIds().some((node) => this.isReachable(node));
  }

  /** The error for an outage that lasts until its cause is removed, such as a full disk or a revoked token; undefined if there is none. */
  outage(): ((outcome: Outcome) => JobraftError) | undefined {
    const cause = this.#endpoint.outageCause?.();
    if (cause === undefined) return undefined;
    if (cause instanceof AccessDeniedError) return (outcome) => new AccessDeniedError(cause.message, outcome);
    if (cause instanceof ClusterReplacedError) return (outcome) => new ClusterReplacedError(cause.message, outcome);
    const nodes = this.nodeIds();
    const running = nodes.filter((node) => this.isReachable(node));
    return (outcome) => new QuorumLostError(nodes, running, cause, outcome);
  }

  /** Whether there is a channel on which something may still arrive. */
  get isOpen(): boolean {
    return this.#channels.size > 0;
  }

  close(): void {
    this.#isClosed = true;
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  #channelTo(node: number): ClientChannel | undefined {
    const known = this.#channels.get(node);
    if (known !== undefined || this.#isClosed) return known;
    const opened = this.#endpoint.openChannel(node, {
      onPacket: (packet) => this.#onPacket(packet, node),
      onLost: () => {
        // A replaced channel is ignored.
        if (this.#isClosed || this.#channels.get(node) !== opened) return;
        this.#channels.delete(node);
        this.#handlers.onLost(node);
      },
    });
    if (opened !== undefined) this.#channels.set(node, opened);
    return opened;
  }

  #onPacket(packet: Uint8Array, node: number): void {
    if (this.#isClosed) return;
    for (const frame of readServerFrames(packet)) {
      switch (frame.type) {
        case 'reply':
          this.#handlers.onReply(frame.reply, node);
          break;
        case 'part':
          this.#handlers.onReplyPart(frame.first, frame.reply, node);
          break;
        case 'rejected':
          this.#handlers.onRequestRejected(frame, node);
          break;
        case 'status':
          this.#handlers.onStatus(frame.call, frame.status, node);
          break;
        case 'log':
          this.#handlers.onLog(frame, node);
          break;
        case 'done':
          this.#handlers.onDone(frame.call);
          break;
        case 'admin-rejected':
          this.#handlers.onAdminRejected(frame);
          break;
        default:
          frame satisfies never;
      }
    }
  }
}

/** What a frame has beside its request: length and kind, and the consistency of a query. */
const FRAME_BYTES = { request: 5, query: 6 };

/** One frame as a packet of its own, in memory that is not shared; that of a request is as long as the packet, so that the node knows. */
export function packetOf(frame: ClientFrame): Uint8Array {
  const to = new ByteWriter('request' in frame ? frame.request.length + FRAME_BYTES[frame.type] : 32);
  writeClientFrame(to, frame);
  return to.view();
}
