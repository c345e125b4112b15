import { MalformedBytesError } from '../base/bytes.ts';

/** Bytes of the length before each frame on a byte stream: u32, little-endian. */
const HEADER_BYTES = 4;

/** The length of a frame, as it is sent before the frame. */
export function frameHeader(frameBytes: number): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setUint32(0, frameBytes, true);
  return header;
}

/**
 * Splits a byte stream into frames. What it holds is at most one frame, and only as much of it as has arrived: a length alone reserves no
 * memory.
 */
export class FrameSplitter {
  readonly #frameBytesMax: () => number;
  /** What has arrived of the next frame, with its header. */
  #parts: Uint8Array[] = [];
  #heldBytes = 0;

  /** @param frameBytesMax the largest frame that is accepted now. */
  constructor(frameBytesMax: () => number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** @param chunk what has arrived; its memory belongs to the splitter from now on. */
  push(chunk: Uint8Array): void {
    this.#parts.push(chunk);
    this.#heldBytes += chunk.length;
  }

  /**
   * @returns the next frame, which shares memory with what has arrived; undefined until it is complete.
   * @throws {MalformedBytesError} for a frame that is larger than allowed.
   */
  next(): Uint8Array | undefined {
    if (this.#heldBytes < HEADER_BYTES) return undefined;
    const frameBytes = this.#frameBytes();
    const frameBytesMax = this.#frameBytesMax();
    if (frameBytes > frameBytesMax) throw new MalformedBytesError(`a frame of ${frameBytes} bytes; at most ${frameBytesMax} are accepted`);
    const end = HEADER_BYTES + frameBytes;
    if (this.#heldBytes < end) return undefined;
    const bytes = this.#joined();
    this.#keep(bytes.subarray(end));
    return bytes.subarray(HEADER_BYTES, end);
  }

  #frameBytes(): number {
    let [first] = this.#parts as [Uint8Array];
    if (first.length < HEADER_BYTES) first = this.#joined();
    return new DataView(first.buffer, first.byteOffset, HEADER_BYTES).getUint32(0, true);
  }

  /** All parts as one; a copy only if there are several. */
  #joined(): Uint8Array {
    const [first] = this.#parts as [Uint8Array];
    if (this.#parts.length === 1) return first;
    const bytes = new Uint8Array(this.#heldBytes);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#parts = [bytes];
    return bytes;
  }

  #keep(rest: Uint8Array): void {
    this.#parts = rest.length === 0 ? [] : [rest];
    this.#heldBytes = rest.length;
  }
}
