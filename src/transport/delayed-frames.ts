/**
 * Frames of one channel that are posted later, in the order in which they were added. One timer serves all of them: timers of their own would
 * reorder them, since their durations are truncated to milliseconds.
 */
export class DelayedFrames {
  readonly #post: (frame: Uint8Array) => void;
  readonly #waiting: { readonly frame: Uint8Array; readonly dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(post: (frame: Uint8Array) => void) {
    this.#post = post;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** @param delayMs at least zero; the frame is posted after this time, and after the frames before it. */
  add(frame: Uint8Array, delayMs: number): void {
    const dueMs = Math.max(performance.now() + delayMs, this.#waiting.at(-1)?.dueMs ?? 0);
    this.#waiting.push({ frame, dueMs });
    if (this.#timer === undefined) this.#armTimer();
  }

  /** Discards the frames. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  #armTimer(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#timer = setTimeout(() => this.#postDue(), Math.max(1, next.dueMs - performance.now()));
  }

  #postDue(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    const later = this.#waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    for (const { frame } of this.#waiting.splice(0, later === -1 ? this.#waiting.length : later)) this.#post(frame);
    this.#armTimer();
  }
}
