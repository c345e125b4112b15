/** One timer for everything that waits for a moment: it fires at the earliest that was asked for. */
export class Wakeup {
  readonly #onDue: () => void;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** @param atMs on the monotonic clock; later than what is already asked for changes nothing. */
  at(atMs: number): void {
    if (atMs >= this.#dueMs || this.#isStopped || atMs === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#timer);
    this.#dueMs = atMs;
    this.#timer = setTimeout(this.#fire, Math.max(1, Math.ceil(atMs - performance.now())));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  readonly #fire = (): void => {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#onDue();
  };
}
