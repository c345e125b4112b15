import type { PersistBatch } from '../storage/port.ts';

/** A running hash (FNV-1a, 32 bit, twice) of all messages, writes and replies of the nodes: equal plans must give equal traces. */
export class Trace {
  #low = 0x811c9dc5;
  #high = 0x01234567;

  /** Changes with every added value. */
  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0');
  }

  addNumber(value: number): void {
    this.#low = Math.imul(this.#low ^ (value | 0), 0x01000193);
    this.#high = Math.imul(this.#high ^ Math.floor(value / 0x1_0000_0000), 0x85ebca6b) ^ (this.#low >>> 15);
  }

  addBytes(bytes: Uint8Array): void {
    this.addNumber(bytes.length);
    // Every byte of short frames, a sample of long ones: a differing payload shows in later frames.
    const step = bytes.length <= 256 ? 1 : Math.ceil(bytes.length / 256);
    for (let at = 0; at < bytes.length; at += step) this.addNumber(bytes[at] ?? 0);
  }

  addPersist(node: number, { hardState, append, checkpoint, compactTo }: PersistBatch): void {
    this.addNumber(node);
    this.addNumber(hardState?.term ?? 0);
    this.addNumber(append?.from ?? 0);
    this.addNumber(append?.entries.length ?? 0);
    this.addNumber(checkpoint?.snapshot.index ?? 0);
    this.addNumber(compactTo ?? 0);
  }
}
