import { MalformedBytesError } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import type { MemoryRelease } from '../base/memory-release.ts';
import type { ClientFrame } from '../protocol/client-frame.ts';
import { readClientFrames } from '../protocol/client-frame.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import { readPeerParts } from '../transport/peer-frame.ts';
import { ClientInbox } from './client-inbox.ts';

/** Handles each received item. */
export interface InboxHandler {
  onPeerPart(from: NodeId, part: PeerPart): void;
  onPeerLost(peer: NodeId): void;
  /** A frame or packet was read completely, and another one is read next. */
  onRead(): void;
  onPeersRead(): void;
  onClientFrame(connection: number, frame: ClientFrame): void;
  /** The client's channel has ended, and everything that arrived on it was read. */
  onClientGone(connection: number): void;
}

/** A frame, or its parts where a channel has read it. */
export type PeerFrame = Uint8Array | readonly PeerPart[];

interface UnreadFrame {
  readonly from: NodeId;
  readonly frame: PeerFrame;
  readonly bytes: number;
}

/**
 * Unread input. Peers are read first, the leader before the others, so that this node does not vote against a leader whose messages have
 * already arrived. A turn reads a bounded part of the peers' input, and of the clients' input.
 */
export class Inbox {
  readonly #id: NodeId;
  readonly #bytesMax: number;
  #peerFrames: UnreadFrame[] = [];
  /** The first unread frame. */
  #next = 0;
  readonly #unreadBytes = new Map<NodeId, number>();
  readonly #clients: ClientInbox;
  #lostPeers: NodeId[] = [];
  readonly #memory: MemoryRelease | undefined;
  /** Of packets that this turn has read, of nothing but requests. */
  #read: ArrayBufferLike[] = [];

  /**
   * @param bytesMax most bytes that a turn reads from peers, and most from clients; one frame always fits.
   * @param memory gives back that of packets, if each is in memory of its own.
   */
  constructor(id: NodeId, bytesMax: number, memory: MemoryRelease | undefined) {
    this.#memory = memory;
    this.#id = id;
    this.#bytesMax = bytesMax;
    this.#clients = new ClientInbox(bytesMax);
  }

  /** @param bytes approximate size. @returns bytes of this peer that are not read yet. */
  addPeerFrame(from: NodeId, frame: PeerFrame, bytes: number): number {
    this.#peerFrames.push({ from, frame, bytes });
    const unread = (this.#unreadBytes.get(from) ?? 0) + bytes;
    this.#unreadBytes.set(from, unread);
    return unread;
  }

  /** @returns bytes of this client's packets that are not read yet. */
  addClientPacket(connection: number, packet: Uint8Array): number {
    return this.#clients.add(connection, packet);
  }

  addGoneClient(connection: number): void {
    this.#clients.addGone(connection);
  }

  addLostPeer(peer: NodeId): void {
    this.#lostPeers.push(peer);
  }

  /** Whether input is left for the next turn. */
  get hasMore(): boolean {
    return this.hasMoreOfPeers || !this.#clients.isEmpty;
  }

  /** Whether there is unread input of peers. */
  get hasMoreOfPeers(): boolean {
    return this.#next < this.#peerFrames.length;
  }

  /** Peers with unread input. */
  unreadPeers(): ReadonlySet<NodeId> {
    return new Set(this.#peerFrames.slice(this.#next).map(({ from }) => from));
  }

  /** @param leader the leader that the node follows. */
  drain(reader: InboxHandler, leader: NodeId | undefined): void {
    let isFirst = !this.hasMoreOfPeers;
    this.#readPeers(reader, leader);
    reader.onPeersRead();
    if (this.#clients.isEmpty) return;
    this.#clients.read({
      onPacket: (connection, packet) => {
        if (!isFirst) reader.onRead();
        isFirst = false;
        const frames = parse(() => readClientFrames(packet));
        for (const frame of frames) reader.onClientFrame(connection, frame);
        if (this.#mayRelease(packet, frames)) this.#read.push(packet.buffer);
      },
      onGone: (connection) => reader.onClientGone(connection),
    });
  }

  /**
   * Gives back the memory of the packets that this turn has read.
   * @param isKept requests of this turn are still to be proposed: then it is left to the collector.
   */
  releaseRead(isKept: boolean): void {
    if (this.#read.length === 0) return;
    if (!isKept) for (const memory of this.#read) this.#memory?.release(memory);
    this.#read = [];
  }

  /** Queries are served in later turns. A packet that is a part of its memory may have others beside it. */
  #mayRelease({ length, buffer }: Uint8Array, frames: readonly ClientFrame[]): boolean {
    if (this.#memory === undefined || length < this.#memory.bytesMin || length !== buffer.byteLength) return false;
    return frames.every(({ type }) => type === 'request');
  }

  #readPeers(reader: InboxHandler, leader: NodeId | undefined): void {
    if (this.#peerFrames.length > this.#next + 1) this.#putFirst(leader);
    for (let readBytes = 0; this.hasMoreOfPeers && readBytes < this.#bytesMax; this.#next += 1) {
      const { from, frame, bytes } = this.#peerFrames[this.#next] as UnreadFrame;
      readBytes += bytes;
      this.#unreadBytes.set(from, (this.#unreadBytes.get(from) ?? 0) - bytes);
      const parts = frame instanceof Uint8Array ? parse(() => readPeerParts(frame, from, this.#id)) : frame;
      for (const part of parts) reader.onPeerPart(from, part);
      if (this.#next + 1 < this.#peerFrames.length) reader.onRead();
    }
    if (this.hasMoreOfPeers) return;
    if (this.#next > 0) this.#peerFrames = [];
    this.#next = 0;
    // A peer counts as lost only after its frames are read.
    const lost = this.#lostPeers;
    if (lost.length > 0) this.#lostPeers = [];
    for (const peer of lost) reader.onPeerLost(peer);
  }

  /** Frames of one peer keep their order. */
  #putFirst(leader: NodeId | undefined): void {
    const frames = this.#peerFrames.slice(this.#next);
    this.#peerFrames = [...frames.filter(({ from }) => from === leader), ...frames.filter(({ from }) => from !== leader)];
    this.#next = 0;
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
