import { DURATION_BOUNDS_MS, Histogram } from '../base/histogram.ts';

/** The longest time that a timer takes. */
const TIMER_MS_MAX = 0x7fffffff;

export interface TurnLoopOptions {
  /** Takes a turn, which may fail: what then happens is up to its owner. */
  readonly turn: () => void;
  /** Whether the node has work left that no input will announce. */
  readonly hasMore: () => boolean;
}

/** Calls a node's turns in the event loop of its thread: at its deadlines, soon after input has arrived, and again while it has more to do. */
export class TurnLoop implements Disposable {
  readonly #options: TurnLoopOptions;
  /** How late its timers are: what else the thread does, and other processes, delay them. */
  readonly delayMs = new Histogram(DURATION_BOUNDS_MS);
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #immediate: NodeJS.Immediate | undefined;
  #isOver = false;

  constructor(options: TurnLoopOptions) {
    this.#options = options;
  }

  /** One timer; it is kept while it fires early enough, since a turn that comes too early costs less than setting it again. */
  arm(dueMs: number): void {
    if (this.#isOver) return;
    // After the other pending events: the owner's commands, new clients.
    if (this.#options.hasMore()) this.runSoon();
    if (dueMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    const armedMs = performance.now();
    this.#timer = setTimeout(
      () => {
        this.delayMs.observe(Math.max(0, performance.now() - Math.max(this.#timerDueMs, armedMs)));
        this.#timerDueMs = Number.POSITIVE_INFINITY;
        this.#options.turn();
      },
      Math.max(0, Math.min(dueMs - armedMs, TIMER_MS_MAX)),
    );
  }

  /** A turn after everything that can be read now was read. */
  runSoon(): void {
    if (!this.#isOver) this.#immediate ??= setImmediate(this.#onImmediate);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  readonly #onImmediate = (): void => {
    this.#immediate = undefined;
    this.#options.turn();
  };
}
