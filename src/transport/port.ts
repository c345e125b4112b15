import type { HandshakeError } from '../base/errors.ts';
import type { NodeId } from '../base/ids.ts';
import type { PeerPart } from './peer-frame.ts';

/** How a node sends. Frames are posted in order; the receiver gets memory of its own. */
export interface Transport {
  sendToPeer(to: NodeId, frame: Uint8Array): void;
  sendToClient(connection: number, frame: Uint8Array): void;
}

/** Unread bytes of one peer beyond which nothing more is read from its channel: more than Raft has in flight to a follower. */
export const UNREAD_PEER_BYTES_MAX = 64 * 1024 * 1024;

/** What may wait to be sent to a peer, more than Raft has in flight: a peer that reads nothing loses its channel. */
export const UNSENT_PEER_BYTES_MAX = 128 * 1024 * 1024;

/** What arrives from a node's peers. */
export interface PeerChannelEvents {
  /** @param bytes approximate size of the parts. @returns bytes of this peer that the node has not read yet. */
  onParts(from: number, parts: readonly PeerPart[], bytes: number): number;
  /** The channel to a peer is lost, or was replaced by one of a later life. */
  onLost(peer: number): void;
  /** A peer rejects this node's channel again and again; called once for each reason. */
  onRejected?(peer: number, rejection: HandshakeError): void;
  /** Something arrived, or a channel is lost: a turn is due, once everything that arrived is read. */
  onReadable(): void;
}

export interface UnreachablePeer {
  readonly node: number;
  /** Since when there is no channel to it, monotonic ms. */
  readonly sinceMs: number;
  /** Why the peer rejected the latest attempt, if it did. */
  readonly rejection: HandshakeError | undefined;
}

/** The channels of a node to its peers in other processes. */
export interface PeerChannels extends Disposable {
  /** Frames to one peer keep their order; a frame is lost while there is no channel. */
  send(to: number, frame: Uint8Array): void;
  /** Opens channels to these nodes, and closes those to all others. */
  setAddresses(addresses: ReadonlyMap<number, string>): void;
  unreachable(): readonly UnreachablePeer[];
  /** The node has read a part: reads again from all peers, until one has too much unread again. */
  onTurn(): void;
}
