import { ByteWriter } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import { writePeerPart } from '../transport/peer-frame.ts';
import type { Outlet } from '../transport/port.ts';

/** A writer that grew beyond this is given up after the frame that needed it. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** Most writers that wait for their next use. */
const FREE_WRITERS_MAX = 32;

/** Gathers what one turn says to each receiver, so that it leaves as one frame. Between turns it knows no receivers: they come and go. */
class Outbox<Receiver extends number> {
  readonly #writers = new Map<Receiver, ByteWriter>();
  readonly #free: ByteWriter[] = [];

  writerFor(receiver: Receiver): ByteWriter {
    const known = this.#writers.get(receiver);
    if (known !== undefined) return known;
    const writer = this.#free.pop() ?? new ByteWriter(1024);
    this.#writers.set(receiver, writer);
    return writer;
  }

  /** @returns bytes that left. */
  flush(send: (receiver: Receiver, frame: Uint8Array) => void): number {
    if (this.#writers.size === 0) return 0;
    let bytes = 0;
    for (const [receiver, writer] of this.#writers) {
      const frame = writer.copy();
      bytes += frame.length;
      if (frame.length <= KEPT_BYTES_MAX && this.#free.length < FREE_WRITERS_MAX) {
        writer.reset();
        this.#free.push(writer);
      }
      send(receiver, frame);
    }
    this.#writers.clear();
    return bytes;
  }
}

export class PeerOutbox {
  readonly #outbox = new Outbox<NodeId>();

  add(to: NodeId, part: PeerPart): void {
    writePeerPart(this.#outbox.writerFor(to), part);
  }

  flush(outlet: Outlet): number {
    return this.#outbox.flush((to, frame) => outlet.sendToPeer(to, frame));
  }
}

export class ClientOutbox {
  readonly #outbox = new Outbox<number>();

  writerFor(connection: number): ByteWriter {
    return this.#outbox.writerFor(connection);
  }

  flush(outlet: Outlet): number {
    return this.#outbox.flush((connection, packet) => outlet.sendToClient(connection, packet));
  }
}
