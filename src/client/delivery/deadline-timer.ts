/**
 * One timer for all deadlines: it fires at the earliest one. After a pause of the event loop timers run before the messages that
 * arrived meanwhile are read, and a call whose reply is among these must not be given up. So what is due is checked one phase later,
 * when the messages have been handled.
 */
export class DeadlineTimer {
  readonly #onDue: () => void;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** @param atMs on the monotonic clock; a time later than the current one changes nothing. */
  at(atMs: number): void {
    if (atMs >= this.#dueMs || this.#isStopped || atMs === Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#timer);
    this.#dueMs = atMs;
    this.#timer = setTimeout(this.#fire, Math.max(1, Math.ceil(atMs - performance.now())));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  readonly #fire = (): void => {
    clearImmediate(this.#immediate);
    this.#immediate = setImmediate(this.#run);
  };

  readonly #run = (): void => {
    clearTimeout(this.#timer);
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#onDue();
  };
}
