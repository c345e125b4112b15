import { Worker } from 'node:worker_threads';
import { type BridgedCluster, ClusterBridge } from './cluster-bridge.ts';

/** What a thread posts: once that it is ready, then the result of each request. A thread that fails ends with its error. */
export type ThreadReply<Result> = { readonly type: 'ready' } | { readonly type: 'result'; readonly result: Result };

/** A thread with a client of its own, which is a client of this thread's cluster. It executes one request at a time. */
export class LoadThread<Request, Result> implements AsyncDisposable {
  readonly #bridge: ClusterBridge;
  readonly #thread: Worker;
  #waiting: PromiseWithResolvers<Result> | undefined;
  #failure: Error | undefined;

  private constructor(bridge: ClusterBridge, thread: Worker) {
    this.#bridge = bridge;
    this.#thread = thread;
    thread.on('message', (reply: ThreadReply<Result>) => {
      if (reply.type === 'result') this.#waiting?.resolve(reply.result);
    });
    thread.on('error', (error: Error) => this.#onFailure(error));
    thread.on('exit', () => this.#onFailure(new Error('The thread of the load has ended.')));
  }

  /** Resolves when the thread's client is connected. @throws the thread's error. */
  static async open<Request, Result>(code: URL, cluster: BridgedCluster): Promise<LoadThread<Request, Result>> {
    const bridge = new ClusterBridge(cluster);
    const thread = new Worker(code, { workerData: bridge.data, transferList: [bridge.data.port] });
    try {
      await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject));
    } catch (error) {
      bridge[Symbol.dispose]();
      throw error;
    }
    return new LoadThread(bridge, thread);
  }

  /** @throws the thread's error. */
  async request(request: Request): Promise<Result> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waiting !== undefined) throw new Error('The thread of the load is busy.');
    this.#waiting = Promise.withResolvers();
    this.#thread.postMessage(request);
    try {
      return await this.#waiting.promise;
    } finally {
      this.#waiting = undefined;
    }
  }

  /** Without a reply. */
  notify(notice: Request): void {
    this.#thread.postMessage(notice);
  }

  /** Ends the thread. Calls of its client that are unanswered have an unknown outcome. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate();
    this.#bridge[Symbol.dispose]();
  }

  #onFailure(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
  }
}
