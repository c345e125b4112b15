/** Memory that one node's owner and its thread share; see {@link KillSwitch}. */
export type KillSwitchMemory = SharedArrayBuffer;

const RUNNING = 0;
const KILLED = 1;
const CLOSED = 2;

/**
 * Ends a node's thread without `worker.terminate()`, which must not happen while a database is open: it may abort the process in the middle
 * of a call into SQLite (WiseLibs/better-sqlite3#1507). The owner sets a flag in shared memory, which the thread reads before each action,
 * so that queued messages do not delay it; the thread closes its file and confirms that in the same memory.
 */
export class KillSwitch {
  readonly #state: Int32Array<SharedArrayBuffer>;

  constructor(memory: KillSwitchMemory) {
    this.#state = new Int32Array(memory);
  }

  static memory(): KillSwitchMemory {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  // ---- the owner's side ---------------------------------------------------------------------------------------------

  /** Wakes a thread that sleeps in {@link sleep}; a thread that waits for messages also needs a message. */
  kill(): void {
    Atomics.compareExchange(this.#state, 0, RUNNING, KILLED);
    Atomics.notify(this.#state, 0);
  }

  /** Blocks this thread until a killed node's file is closed. @param timeoutMs maximum wait. @returns whether it is closed. */
  waitUntilClosed(timeoutMs: number): boolean {
    Atomics.wait(this.#state, 0, KILLED, Math.max(0, timeoutMs));
    return Atomics.load(this.#state, 0) === CLOSED;
  }

  // ---- the node's side ----------------------------------------------------------------------------------------------

  get isKilled(): boolean {
    return Atomics.load(this.#state, 0) === KILLED;
  }

  /** Blocks this thread, with its event loop, until it is killed or the time is over. */
  sleep(durationMs: number): void {
    Atomics.wait(this.#state, 0, RUNNING, durationMs);
  }

  /** The node's file is closed; its thread may end at any time. */
  markClosed(): void {
    Atomics.store(this.#state, 0, CLOSED);
    Atomics.notify(this.#state, 0);
  }
}
