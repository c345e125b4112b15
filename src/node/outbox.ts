import { ByteWriter } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import { writePeerPart } from '../transport/peer-frame.ts';
import type { Transport } from '../transport/port.ts';

/** A frame takes nothing more once it has this size: what follows leaves in the next frame, and the receiver may read them in two turns. */
const FRAME_BYTES = 1024 * 1024;
/** A writer that grew beyond this is given up after the frame that needed it. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** Most writers that wait for their next use. */
const FREE_WRITERS_MAX = 32;

/** Gathers what one turn says to each receiver, so that it leaves as one frame, or in few if it is large. Between turns it knows no receivers: they come and go. */
class Outbox<Receiver extends number> {
  readonly #writers = new Map<Receiver, ByteWriter>();
  /** Frames that take nothing more, in their order. */
  #full: { readonly receiver: Receiver; readonly frame: Uint8Array }[] = [];
  readonly #free: ByteWriter[] = [];

  writerFor(receiver: Receiver): ByteWriter {
    const known = this.#writers.get(receiver);
    if (known !== undefined && known.length < FRAME_BYTES) return known;
    if (known !== undefined) this.#full.push({ receiver, frame: this.#take(known) });
    const writer = this.#free.pop() ?? new ByteWriter(1024);
    this.#writers.set(receiver, writer);
    return writer;
  }

  /** @returns bytes that left. */
  flush(send: (receiver: Receiver, frame: Uint8Array) => void): number {
    if (this.#writers.size === 0) return 0;
    let bytes = 0;
    const full = this.#full;
    if (full.length > 0) this.#full = [];
    for (const { receiver, frame } of full) {
      bytes += frame.length;
      send(receiver, frame);
    }
    for (const [receiver, writer] of this.#writers) {
      const frame = this.#take(writer);
      bytes += frame.length;
      send(receiver, frame);
    }
    this.#writers.clear();
    return bytes;
  }

  /** @returns what was written, in memory of its own. */
  #take(writer: ByteWriter): Uint8Array {
    const frame = writer.copy();
    if (frame.length <= KEPT_BYTES_MAX && this.#free.length < FREE_WRITERS_MAX) {
      writer.reset();
      this.#free.push(writer);
    }
    return frame;
  }
}

export class PeerOutbox {
  readonly #outbox = new Outbox<NodeId>();

  add(to: NodeId, part: PeerPart): void {
    writePeerPart(this.#outbox.writerFor(to), part);
  }

  flush(outlet: Transport): number {
    return this.#outbox.flush((to, frame) => outlet.sendToPeer(to, frame));
  }
}

export class ClientOutbox {
  readonly #outbox = new Outbox<number>();

  writerFor(connection: number): ByteWriter {
    return this.#outbox.writerFor(connection);
  }

  flush(outlet: Transport): number {
    return this.#outbox.flush((connection, packet) => outlet.sendToClient(connection, packet));
  }
}
