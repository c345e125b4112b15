const ARRIVED = 0;
const RELEASES = 1;

/**
 * Blocks threads until all of them have arrived, then releases them together, any number of times. Each thread creates one over the same
 * memory.
 */
export class ThreadBarrier {
  readonly #threads: number;
  readonly #state: Int32Array;

  constructor(threads: number, memory: SharedArrayBuffer) {
    this.#threads = threads;
    this.#state = new Int32Array(memory);
  }

  /** Shared memory for a number of threads. */
  static newMemory(): SharedArrayBuffer {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Blocks the calling thread. The last one to arrive wakes the others. */
  arriveAndWait(): void {
    // Read before arriving: the last one may release all before this one sleeps, and then there is nothing to wait for.
    const releases = Atomics.load(this.#state, RELEASES);
    if (Atomics.add(this.#state, ARRIVED, 1) < this.#threads - 1) {
      Atomics.wait(this.#state, RELEASES, releases);
      return;
    }
    Atomics.store(this.#state, ARRIVED, 0);
    Atomics.add(this.#state, RELEASES, 1);
    Atomics.notify(this.#state, RELEASES);
  }
}
