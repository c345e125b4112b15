import { ByteWriter } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import { writePeerPart } from '../transport/peer-frame.ts';
import type { Transport } from '../transport/port.ts';

/** A frame that has reached this size is complete: further parts go into the next frame, and the receiver may read them in two turns. */
const FRAME_BYTES = 1024 * 1024;
/** A writer that grew beyond this is discarded after the frame that needed it. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** Most idle writers that are kept for reuse. */
const FREE_WRITERS_MAX = 32;

/** Collects what one turn sends to each receiver into one frame, or a few if it is large. It holds no receivers between turns. */
class Outbox<Receiver extends number> {
  readonly #writers = new Map<Receiver, ByteWriter>();
  /** Complete frames, in order. */
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

  /** @returns the number of bytes sent. */
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

  /** @returns a copy of what was written. */
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
