/**
 * Most packets of one client that are read in one turn; `SHARE_OF_BYTES` is its share of the turn's bytes. A larger packet is read alone.
 */
const SHARE_PACKETS_MAX = 256;
const SHARE_OF_BYTES = 0.5;
/** The same over all clients: it bounds how long their requests delay a turn, and thereby messages to peers. */
const TURN_PACKETS_MAX = 4_096;

interface Sender {
  readonly connection: number;
  readonly packets: Uint8Array[];
  /** The first packet that was not read. */
  next: number;
  isGone: boolean;
  unreadBytes: number;
  /** What was read in this turn. */
  readPackets: number;
  readBytes: number;
}

export interface ClientInboxHandler {
  onPacket(connection: number, packet: Uint8Array): void;
  /** The client's channel has ended, and everything that arrived on it was read. */
  onGone(connection: number): void;
}

/**
 * Packets of clients, in order for each client. A turn reads one packet of each client in rotation, up to a share, and the next turn begins
 * with the clients that were served least: a client that sends without pause delays neither the others nor the node.
 */
export class ClientInbox {
  /** Clients with unread packets, by connection; the next to be served first. */
  readonly #senders = new Map<number, Sender>();
  readonly #bytesMax: number;

  /** @param bytesMax most bytes that one turn reads. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#senders.size === 0;
  }

  /** @returns bytes of this client's packets that are not read yet. */
  add(connection: number, packet: Uint8Array): number {
    const sender = this.#senderOf(connection);
    sender.packets.push(packet);
    sender.unreadBytes += packet.length;
    return sender.unreadBytes;
  }

  addGone(connection: number): void {
    this.#senderOf(connection).isGone = true;
  }

  /** Reads up to one turn's limit. */
  read(reader: ClientInboxHandler): void {
    let packets = 0;
    let bytes = 0;
    const served: Sender[] = [];
    while (packets < TURN_PACKETS_MAX && bytes < this.#bytesMax) {
      const sender = this.#takeFirst();
      if (sender === undefined) break;
      const packet = sender.packets[sender.next];
      if (packet !== undefined) {
        sender.next += 1;
        sender.readPackets += 1;
        sender.readBytes += packet.length;
        sender.unreadBytes -= packet.length;
        packets += 1;
        bytes += packet.length;
        reader.onPacket(sender.connection, packet);
      }
      if (sender.next < sender.packets.length) {
        if (sender.readPackets < SHARE_PACKETS_MAX && sender.readBytes < SHARE_OF_BYTES * this.#bytesMax)
          this.#senders.set(sender.connection, sender);
        else served.push(sender);
      } else if (sender.isGone) {
        reader.onGone(sender.connection);
      }
    }
    for (const sender of served) this.#senders.set(sender.connection, sender);
    for (const sender of this.#senders.values()) {
      sender.packets.splice(0, sender.next);
      sender.next = 0;
      sender.readPackets = 0;
      sender.readBytes = 0;
    }
  }

  #senderOf(connection: number): Sender {
    const known = this.#senders.get(connection);
    if (known !== undefined) return known;
    const sender: Sender = { connection, packets: [], next: 0, isGone: false, unreadBytes: 0, readPackets: 0, readBytes: 0 };
    this.#senders.set(connection, sender);
    return sender;
  }

  #takeFirst(): Sender | undefined {
    for (const sender of this.#senders.values()) {
      this.#senders.delete(sender.connection);
      return sender;
    }
    return undefined;
  }
}
