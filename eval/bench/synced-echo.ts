import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const WORKER_FILE = new URL('./synced-echo-worker.js', import.meta.url);

/** Data of the thread. */
export interface SyncedEchoTask {
  readonly file: string;
}

/** To the thread: how many messages were sent. Back: `ready` once, then how many of them are on the disk. */
export type SyncedEchoMessage = number | 'ready';

/**
 * The least that a durable reply takes: a thread behind a port writes 16 KiB to a preallocated file, syncs it, and replies. What is sent in
 * one task of the event loop shares one write.
 */
export class SyncedEcho implements AsyncDisposable {
  readonly #worker: Worker;
  /** In the order in which they were sent. */
  #waiting: PromiseWithResolvers<void>[] = [];
  #unsent = 0;
  #failure: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (count: number) => {
      for (const { resolve } of this.#waiting.splice(0, count)) resolve();
    });
    worker.once('error', (error) => this.#fail(error));
    worker.once('exit', () => this.#fail(new Error('The thread of the synced echo has ended.')));
  }

  /** @param file of the thread; it is created. @throws an error of the thread. */
  static async open(file: string): Promise<SyncedEcho> {
    const workerData: SyncedEchoTask = { file };
    const worker = new Worker(WORKER_FILE, { workerData });
    await once(worker, 'message');
    return new SyncedEcho(worker);
  }

  /** Resolves once a write that began after this call is synced. Rejects with an error of the thread. */
  add(): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    if (this.#failure !== undefined) waiting.reject(this.#failure);
    else {
      this.#waiting.push(waiting);
      this.#unsent += 1;
      if (this.#unsent === 1) queueMicrotask(() => this.#send());
    }
    return waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  #send(): void {
    this.#worker.postMessage(this.#unsent);
    this.#unsent = 0;
  }

  #fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
