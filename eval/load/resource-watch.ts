import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ResourceSnapshot } from './resource-usage.ts';

/** What the watching thread is started with. */
export interface WatchPlan {
  /** On the disk that is watched. */
  readonly folder: string;
}

const SNAPSHOT_MS_MAX = 30_000;

/** Watches this process's threads and the disk below a folder, in a thread of its own, which looks at the threads' states every 10 ms. */
export class ResourceWatch implements AsyncDisposable {
  readonly #thread: Worker;

  private constructor(thread: Worker) {
    this.#thread = thread;
  }

  /** Resolves when its thread runs. */
  static async open(folder: string): Promise<ResourceWatch> {
    const plan: WatchPlan = { folder };
    const thread = new Worker(new URL('./resource-thread.js', import.meta.url), { workerData: plan, name: 'resource watch' });
    await once(thread, 'online');
    return new ResourceWatch(thread);
  }

  /** @throws the error of the thread; an AbortError when it does not reply for half a minute. */
  async snapshot(): Promise<ResourceSnapshot> {
    const reply = once(this.#thread, 'message', { signal: AbortSignal.timeout(SNAPSHOT_MS_MAX) });
    this.#thread.postMessage(null);
    const [snapshot]: ResourceSnapshot[] = await reply;
    if (snapshot === undefined) throw new Error('The watching thread has replied with nothing.');
    return snapshot;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate();
  }
}
