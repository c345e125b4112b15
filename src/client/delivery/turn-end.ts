/**
 * Calls `flush` once at the end of each turn of the event loop in which something was issued, so that all of it is
 * sent together.
 */
export class TurnEnd {
  readonly #onFlush: () => void;
  readonly #hooks = new Set<() => void>();
  #isScheduled = false;
  #nowMs = performance.now();

  constructor(flush: () => void) {
    this.#onFlush = flush;
  }

  /** By performance.now(), when the flush was scheduled: the clock is read once for everything issued in a turn. */
  get nowMs(): number {
    return this.#nowMs;
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#nowMs = performance.now();
    queueMicrotask(this.#deferFlush);
  }

  /** Calls `hook` once, before the next flush. */
  before(hook: () => void): void {
    this.#hooks.add(hook);
    this.schedule();
  }

  /** A tick scheduled by a microtask runs when no microtask is left: after everything that this turn issues. */
  readonly #deferFlush = (): void => process.nextTick(this.#flush);

  readonly #flush = (): void => {
    this.#isScheduled = false;
    for (const hook of this.#hooks) {
      this.#hooks.delete(hook);
      hook();
    }
    this.#onFlush();
  };
}
