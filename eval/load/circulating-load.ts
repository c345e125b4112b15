import type { LoadPlan, SendResult } from './load-plan.ts';
import type { LoadThreads } from './load-threads.ts';
import type { SteadyLoad } from './steady-state.ts';

export interface CirculatingLoadOptions extends Pick<LoadPlan, 'queue' | 'payloadBytes' | 'payloadSeed'> {
  /** The load ends after so many. */
  readonly messages: number;
  /** Sent and not yet completed. */
  readonly unfinishedMax: number;
}

/** Messages that are sent as fast as the others are completed. The consumer has to have begun; an event is a message that it completed. */
export class CirculatingLoad implements SteadyLoad {
  readonly #threads: LoadThreads;
  readonly #options: CirculatingLoadOptions;
  readonly #end = new AbortController();
  #sending: Promise<SendResult> = Promise.reject(new Error('The load was not started.'));
  #isEnded = false;

  constructor(threads: LoadThreads, options: CirculatingLoadOptions) {
    this.#threads = threads;
    this.#options = options;
    this.#sending.catch(() => undefined);
  }

  start(): void {
    const { sender, consumer } = this.#threads;
    const { unfinishedMax, ...load } = this.#options;
    this.#sending = sender.send({ ...load, model: 'circulating', unfinishedMax, deliveries: consumer.counts }, this.#end.signal);
    const onEnd = (): void => {
      this.#isEnded = true;
    };
    this.#sending.then(onEnd, onEnd);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#sending;
  }

  completed(): number {
    return this.#threads.consumer.delivered;
  }

  isEnded(): boolean {
    return this.#isEnded;
  }

  /** After the end: what was sent. @throws the sender's error. */
  sent(): Promise<SendResult> {
    return this.#sending;
  }
}
