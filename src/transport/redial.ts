import { HandshakeError } from '../base/errors.ts';

/** Pause before a channel is opened again: doubled from the first to the last, and up to a quarter longer. */
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;
/** How long a channel may take to open. */
const OPEN_MS_MAX = 5_000;
/** Rejections in a row, over three seconds: of a node that starts or stops there are fewer. */
const REJECTIONS_MIN = 8;

export interface RedialOptions {
  /** Begins to open a channel. @param attempt what belongs to another attempt than the latest is to be ignored. */
  readonly open: (attempt: number) => void;
  /** Ends what {@link RedialOptions.open} began. */
  readonly cancel: () => void;
  /** A channel that was open is lost. */
  readonly onLost: () => void;
  /** The other side rejects the channel again and again; called once for each reason. */
  readonly onRejected?: (rejection: HandshakeError) => void;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Keeps one channel open: it is opened at creation, and again with a growing pause when it is lost. */
export class Redial implements Disposable {
  readonly #options: RedialOptions;
  /** Why the other side rejected the latest attempt, if it did. */
  #rejection: HandshakeError | undefined;
  #attempt = 0;
  /** Attempts in a row that were rejected. */
  #rejections = 0;
  #reported: string | undefined;
  #isOpen = false;
  /** Until the next attempt. */
  #isPausing = false;
  #retryMs = RETRY_MS_MIN;
  #timer: NodeJS.Timeout | undefined;
  #closedSinceMs: number | undefined = performance.now();
  #isDisposed = false;

  constructor(options: RedialOptions) {
    this.#options = options;
  }

  /** Since when there is no channel, monotonic ms; undefined while there is one. */
  get closedSinceMs(): number | undefined {
    return this.#closedSinceMs;
  }

  get rejection(): HandshakeError | undefined {
    return this.#rejection;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  isLatest(attempt: number): boolean {
    return attempt === this.#attempt && !this.#isDisposed;
  }

  open(): void {
    clearTimeout(this.#timer);
    this.#isPausing = false;
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#timer = setTimeout(() => this.onClosed(attempt), OPEN_MS_MAX);
    this.#options.open(attempt);
  }

  /** The other side has accepted the channel. */
  onOpened(attempt: number): void {
    if (!this.isLatest(attempt)) return;
    clearTimeout(this.#timer);
    this.#isOpen = true;
    this.#retryMs = RETRY_MS_MIN;
    this.#closedSinceMs = undefined;
    this.#rejection = undefined;
    this.#rejections = 0;
    this.#reported = undefined;
  }

  /** The other side is running: there is no reason to wait. */
  hurry(): void {
    if (this.#isPausing && !this.#isDisposed) this.open();
  }

  /** @param error why, if it is known. */
  onClosed(attempt: number, error?: unknown): void {
    if (!this.isLatest(attempt)) return;
    const wasOpen = this.#isOpen;
    this.#end();
    this.#closedSinceMs ??= performance.now();
    if (error instanceof HandshakeError) this.#onRejected(error);
    const pauseMs = this.#retryMs * (1 + this.#options.random() / 4);
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    this.#isPausing = true;
    this.#timer = setTimeout(() => this.open(), pauseMs);
    if (wasOpen) this.#options.onLost();
  }

  /** Closes the channel, and opens another one after a pause. */
  reopen(): void {
    this.onClosed(this.#attempt);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#end();
  }

  #onRejected(rejection: HandshakeError): void {
    this.#rejection = rejection;
    this.#rejections += 1;
    if (this.#rejections < REJECTIONS_MIN || this.#reported === rejection.message) return;
    this.#reported = rejection.message;
    this.#options.onRejected?.(rejection);
  }

  #end(): void {
    this.#attempt += 1;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#options.cancel();
  }
}
