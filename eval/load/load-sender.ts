import type { BridgedCluster } from './cluster-bridge.ts';
import type { LoadPlan, SendResult } from './load-plan.ts';
import { LoadThread } from './load-thread.ts';
import { ACKNOWLEDGED, SENT, type SharedSendCounts, sharedSendCounts } from './send-record.ts';

export type SenderRequest =
  | { readonly type: 'send'; readonly plan: LoadPlan; readonly shared: SharedSendCounts }
  | { readonly type: 'abort' }
  | { readonly type: 'close' };

/** `null` for the end of the client. */
export type SenderResult = SendResult | null;

/** Sends messages from a thread of its own, with its own client. */
export class LoadSender implements AsyncDisposable {
  readonly #thread: LoadThread<SenderRequest, SenderResult>;
  #counts = sharedSendCounts(0).counts;

  private constructor(thread: LoadThread<SenderRequest, SenderResult>) {
    this.#thread = thread;
  }

  /** Resolves when its client is connected. @throws the client's error, such as that there is no leader. */
  static async open(cluster: BridgedCluster): Promise<LoadSender> {
    return new LoadSender(await LoadThread.open(new URL('./sender-thread.js', import.meta.url), cluster));
  }

  /** Messages of the current or latest load; read them as it runs. */
  get sent(): number {
    return Atomics.load(this.#counts, SENT);
  }

  /** See {@link sent}. */
  get acknowledged(): number {
    return Atomics.load(this.#counts, ACKNOWLEDGED);
  }

  /**
   * Sends the messages of one load, and resolves when each is acknowledged or rejected. After an abort nothing more is sent, and replies are
   * awaited for up to five seconds. One load at a time.
   */
  async send(plan: LoadPlan, signal: AbortSignal): Promise<SendResult> {
    const shared = sharedSendCounts(plan.messages);
    this.#counts = shared.counts;
    const onAbort = (): void => this.#thread.notify({ type: 'abort' });
    const sending = this.#thread.request({ type: 'send', plan, shared });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const result = await sending;
      if (result === null) throw new Error('The sender was closed.');
      return result;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
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
