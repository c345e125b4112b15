import type { DeliveryHost } from './host.ts';

/** Calls `flush` once at the end of each turn in which something was issued, so that all of it is sent together. */
export class TurnEnd {
  readonly #host: DeliveryHost;
  readonly #onFlush: () => void;
  readonly #hooks = new Set<() => void>();
  #isScheduled = false;
  #nowMs = 0;

  constructor(host: DeliveryHost, flush: () => void) {
    this.#host = host;
    this.#onFlush = flush;
  }

  /** When the flush was scheduled: the clock is read once for everything issued in a turn. */
  get nowMs(): number {
    return this.#nowMs;
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#nowMs = this.#host.nowMs();
    this.#host.atTurnEnd(this.#run);
  }

  /** Calls `hook` once, before the next flush. */
  before(hook: () => void): void {
    this.#hooks.add(hook);
    this.schedule();
  }

  readonly #run = (): void => {
    this.#isScheduled = false;
    for (const hook of this.#hooks) {
      this.#hooks.delete(hook);
      hook();
    }
    this.#onFlush();
  };
}
