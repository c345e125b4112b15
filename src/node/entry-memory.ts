import type { LogIndex } from '../base/ids.ts';
import type { MemoryRelease } from '../base/memory-release.ts';
import type { Entry } from '../raft/entry.ts';

/** The memory of consecutive entries that arrived together. */
interface Piece {
  readonly memory: ArrayBufferLike;
  last: LogIndex;
}

/** Views of so few bytes may be part of an object of the heap, which asking for their memory would move out of it. */
const HEAP_VIEW_BYTES_MAX = 64;

/**
 * The memory of large log entries, from when they are written until the log has dropped them: then the checkpoint has everything that the
 * state machine keeps of them, and no other one refers to it. It must not be shared with anything else.
 */
export class EntryMemory {
  readonly #port: MemoryRelease | undefined;
  /** In the order of the log. */
  readonly #pieces: Piece[] = [];
  #free: ArrayBufferLike[] = [];

  constructor(port: MemoryRelease | undefined) {
    this.#port = port;
  }

  /** These entries are on disk, and replace the log from the first one on. */
  onWritten(entries: readonly Entry[]): void {
    if (this.#port === undefined) return;
    for (const { index, data } of entries) {
      const { length, byteOffset } = data;
      if (length <= HEAP_VIEW_BYTES_MAX && byteOffset === 0) continue;
      const memory = data.buffer;
      if (memory.byteLength < this.#port.bytesMin) continue;
      const latest = this.#pieces.at(-1);
      if (latest?.memory === memory) latest.last = index;
      else this.#pieces.push({ memory, last: index });
    }
  }

  /** The log begins behind `upTo`. */
  onCompacted(upTo: LogIndex): void {
    let count = 0;
    for (; count < this.#pieces.length; count += 1) {
      const piece = this.#pieces[count];
      if (piece === undefined || piece.last > upTo) break;
      this.#free.push(piece.memory);
    }
    if (count > 0) this.#pieces.splice(0, count);
  }

  /** A snapshot replaced the log and the state. */
  clear(): void {
    this.#pieces.length = 0;
  }

  /** Between two turns: what this one still sends and applies has been read. */
  releaseFree(): void {
    if (this.#free.length === 0) return;
    for (const memory of this.#free) this.#port?.release(memory);
    this.#free = [];
  }
}
