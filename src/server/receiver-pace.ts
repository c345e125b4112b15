/**
 * Whether a receiver takes what is sent to it at a pace that suffices: what its sender waits for it is weighed against what it takes meanwhile, so
 * that one that takes little again and again is found, as is one that takes nothing.
 */
export class ReceiverPace {
  readonly #waitMsMax: number;
  readonly #bytesPerSecondMin: number;
  /** How much longer it took than it may for what it has taken. */
  #lateMs = 0;
  /** Since it was not late. */
  #bytes = 0;
  #waitedMs = 0;

  /** @param waitMsMax how late it may be. */
  constructor(waitMsMax: number, bytesPerSecondMin: number) {
    this.#waitMsMax = waitMsMax;
    this.#bytesPerSecondMin = bytesPerSecondMin;
  }

  /** How long its sender waits for it from now on; at zero, and below, it is given up. */
  get leftMs(): number {
    return this.#waitMsMax - this.#lateMs;
  }

  /** @param waitedMs how long the sender waited until it had taken these bytes. */
  onTaken(bytes: number, waitedMs: number): void {
    this.#bytes += bytes;
    this.#waitedMs += waitedMs;
    this.#lateMs = Math.max(0, this.#lateMs + waitedMs - (bytes * 1_000) / this.#bytesPerSecondMin);
    if (this.#lateMs === 0) [this.#bytes, this.#waitedMs] = [0, 0];
  }

  /** Why it is given up, as it follows "its receiver". @param waitedMs since it has taken anything. */
  reasonAfter(waitedMs: number): string {
    if (this.#bytes === 0) return `took nothing for ${this.#waitMsMax} ms`;
    const ms = Math.round(this.#waitedMs + waitedMs);
    return `took ${this.#bytes} bytes in ${ms} ms, and must take ${this.#bytesPerSecondMin} a second`;
  }
}
