import { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../measuring/clock.ts';

/** Memory that an alarm clock shares with its thread. */
export interface AlarmMemory {
  /** At {@link ALARM}: number of the latest alarm. */
  readonly state: Int32Array;
  /** When the latest alarm is due. */
  readonly atMs: Float64Array;
}

export const ALARM = 0;

interface Waiting {
  readonly alarm: number;
  readonly resolve: () => void;
}

/**
 * A clock that wakes the caller by a message from a thread that blocks until then. A timer of Node.js counts whole milliseconds, and polling
 * would take a core from what is measured; a blocked thread wakes within about 0.1 ms.
 */
export class AlarmClock implements Clock, AsyncDisposable {
  readonly #memory: AlarmMemory;
  readonly #thread: Worker;
  #waiting: Waiting | undefined;

  private constructor(memory: AlarmMemory, thread: Worker) {
    this.#memory = memory;
    this.#thread = thread;
    thread.on('message', (alarm: number) => {
      if (this.#waiting?.alarm === alarm) this.#wake();
    });
  }

  /** Resolves when its thread runs. */
  static async open(): Promise<AlarmClock> {
    const memory: AlarmMemory = {
      state: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
      atMs: new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)),
    };
    const thread = new Worker(new URL('./alarm-thread.js', import.meta.url), { workerData: memory });
    await new Promise((resolve, reject) => thread.once('online', resolve).once('error', reject));
    return new AlarmClock(memory, thread);
  }

  nowMs(): number {
    return systemClock.nowMs();
  }

  /** One call at a time. @throws {Error} when another one waits. */
  async waitUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#waiting !== undefined) throw new Error('This clock has one alarm, which is already set.');
    if (signal?.aborted || this.nowMs() >= atMs) return;
    const { state, atMs: dueMs } = this.#memory;
    const onAbort = (): void => this.#wake();
    signal?.addEventListener('abort', onAbort, { once: true });
    await new Promise<void>((resolve) => {
      dueMs[0] = atMs;
      this.#waiting = { alarm: Atomics.add(state, ALARM, 1) + 1, resolve };
      Atomics.notify(state, ALARM);
    });
    signal?.removeEventListener('abort', onAbort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate();
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }
}
