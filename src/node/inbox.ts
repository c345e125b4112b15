import { MalformedBytesError } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import type { ClientFrame } from '../transport/client-frame.ts';
import { readClientFrames } from '../transport/client-frame.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import { readPeerParts } from '../transport/peer-frame.ts';

/** Takes each thing that arrived. */
export interface InboxReader {
  onPeerPart(from: NodeId, part: PeerPart): void;
  onPeerLost(peer: NodeId): void;
  onPeersRead(): void;
  onClientFrame(connection: number, frame: ClientFrame): void;
}

/** What arrived since the last turn, as it came. Peers are read first: clients meet the node as it stands after them. */
export class Inbox {
  readonly #id: NodeId;
  #peerFrames: { readonly from: NodeId; readonly frame: Uint8Array }[] = [];
  #clientPackets: { readonly connection: number; readonly packet: Uint8Array }[] = [];
  #lostPeers: NodeId[] = [];

  constructor(id: NodeId) {
    this.#id = id;
  }

  addPeerFrame(from: NodeId, frame: Uint8Array): void {
    this.#peerFrames.push({ from, frame });
  }

  addClientPacket(connection: number, packet: Uint8Array): void {
    this.#clientPackets.push({ connection, packet });
  }

  addLostPeer(peer: NodeId): void {
    this.#lostPeers.push(peer);
  }

  drain(reader: InboxReader): void {
    const frames = this.#peerFrames;
    const packets = this.#clientPackets;
    const lost = this.#lostPeers;
    if (frames.length > 0) this.#peerFrames = [];
    if (packets.length > 0) this.#clientPackets = [];
    if (lost.length > 0) this.#lostPeers = [];
    for (const { from, frame } of frames) {
      for (const part of parse(() => readPeerParts(frame, from, this.#id))) reader.onPeerPart(from, part);
    }
    for (const peer of lost) reader.onPeerLost(peer);
    reader.onPeersRead();
    for (const { connection, packet } of packets) {
      for (const frame of parse(() => readClientFrames(packet))) reader.onClientFrame(connection, frame);
    }
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
