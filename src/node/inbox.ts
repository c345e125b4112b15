import { MalformedBytesError } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import type { ClientFrame } from '../transport/client-frame.ts';
import { readClientFrames } from '../transport/client-frame.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import { readPeerParts } from '../transport/peer-frame.ts';
import { ClientInbox } from './client-inbox.ts';

/** Takes each thing that arrived. */
export interface InboxReader {
  onPeerPart(from: NodeId, part: PeerPart): void;
  onPeerLost(peer: NodeId): void;
  onPeersRead(): void;
  onClientFrame(connection: number, frame: ClientFrame): void;
  /** The client's channel has ended, and everything that came on it was read. */
  onClientGone(connection: number): void;
}

/**
 * What arrived and was not read. Peers are read first, and all that they sent: clients meet the node as it stands after them, and take nothing
 * from them. Of clients a turn reads a bounded part.
 */
export class Inbox {
  readonly #id: NodeId;
  #peerFrames: { readonly from: NodeId; readonly frame: Uint8Array }[] = [];
  readonly #clients = new ClientInbox();
  #lostPeers: NodeId[] = [];

  constructor(id: NodeId) {
    this.#id = id;
  }

  addPeerFrame(from: NodeId, frame: Uint8Array): void {
    this.#peerFrames.push({ from, frame });
  }

  addClientPacket(connection: number, packet: Uint8Array): void {
    this.#clients.add(connection, packet);
  }

  addGoneClient(connection: number): void {
    this.#clients.addGone(connection);
  }

  /** Something is left for the next turn. */
  get hasMore(): boolean {
    return !this.#clients.isEmpty;
  }

  addLostPeer(peer: NodeId): void {
    this.#lostPeers.push(peer);
  }

  drain(reader: InboxReader): void {
    const frames = this.#peerFrames;
    const lost = this.#lostPeers;
    if (frames.length > 0) this.#peerFrames = [];
    if (lost.length > 0) this.#lostPeers = [];
    for (const { from, frame } of frames) {
      for (const part of parse(() => readPeerParts(frame, from, this.#id))) reader.onPeerPart(from, part);
    }
    for (const peer of lost) reader.onPeerLost(peer);
    reader.onPeersRead();
    this.#clients.read({
      onPacket: (connection, packet) => {
        for (const frame of parse(() => readClientFrames(packet))) reader.onClientFrame(connection, frame);
      },
      onGone: (connection) => reader.onClientGone(connection),
    });
  }
}

/** A damaged frame is dropped like a lost one: Raft and the clients send again. */
function parse<Part>(read: () => readonly Part[]): readonly Part[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedBytesError) return [];
    throw error;
  }
}
