import type { BridgedCluster } from './cluster-bridge.ts';
import { type ConsumeResult, DELIVERED, FOREIGN, type SharedDeliveries, sharedDeliveries } from './consume-record.ts';
import { LoadThread } from './load-thread.ts';

export interface ConsumePlan {
  readonly queue: string;
  readonly concurrency: number;
  /** Those of the load that is consumed. */
  readonly messages: number;
  readonly payloadBytes: number;
  readonly payloadSeed: number;
}

export type ConsumerRequest =
  | { readonly type: 'begin'; readonly plan: ConsumePlan; readonly shared: SharedDeliveries }
  | { readonly type: 'end' }
  | { readonly type: 'close' };

/** `null` where there is nothing to report. */
export type ConsumerResult = ConsumeResult | null;

/** Consumes a queue in a thread of its own, with its own client. */
export class LoadConsumer implements AsyncDisposable {
  readonly #thread: LoadThread<ConsumerRequest, ConsumerResult>;
  #counts = sharedDeliveries(0).counts;

  private constructor(thread: LoadThread<ConsumerRequest, ConsumerResult>) {
    this.#thread = thread;
  }

  /** Resolves when its client is connected. @throws the client's error. */
  static async open(cluster: BridgedCluster): Promise<LoadConsumer> {
    return new LoadConsumer(await LoadThread.open(new URL('./consumer-thread.js', import.meta.url), cluster));
  }

  /** Memory that the thread counts in; of the current or latest queue. */
  get counts(): Int32Array {
    return this.#counts;
  }

  /** Messages of the current or latest queue that were completed at least once; read it as it runs. */
  get delivered(): number {
    return Atomics.load(this.#counts, DELIVERED);
  }

  /** Payloads that were changed, or are of no message; see {@link delivered}. */
  get foreign(): number {
    return Atomics.load(this.#counts, FOREIGN);
  }

  /** Begins to consume a queue; one at a time. */
  async begin(plan: ConsumePlan): Promise<void> {
    const shared = sharedDeliveries(plan.messages);
    this.#counts = shared.counts;
    await this.#thread.request({ type: 'begin', plan, shared });
  }

  /** Finishes running jobs and claims no more. */
  async end(): Promise<ConsumeResult> {
    const result = await this.#thread.request({ type: 'end' });
    if (result === null) throw new Error('Nothing was consumed.');
    return result;
  }

  /** Closes the client, then ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#thread.request({ type: 'close' });
    } finally {
      await this.#thread[Symbol.asyncDispose]();
    }
  }
}
