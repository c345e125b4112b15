/** The share of a lease in which stalled jobs may run alone, and its maximum. */
const SHARE_OF_LEASE = 1 / 3;
const SHARE_MS_MAX = 10_000;

/**
 * Bounds the time in which other jobs wait: a third of each lease, ten seconds at most. With several leases the longest counts. The unused
 * part may be used until the lease is over.
 */
export class QuarantineWindow {
  /** Until then no more than `#shareMs` may be used. */
  #leaseEndsAtMs = 0;
  #shareMs = 0;
  /** The rest of the share, as of `#openedAtMs` while the window is open. */
  #leftMs = 0;
  #openedAtMs: number | undefined;

  /** While it is open: when it closes at the latest. */
  get endsAtMs(): number {
    return (this.#openedAtMs ?? 0) + this.#leftMs;
  }

  /** Opens the window, or leaves it open for the longer lease. @returns whether it is open: not if the share is used up. */
  open(nowMs: number, leaseMs: number): boolean {
    if (nowMs >= this.#leaseEndsAtMs && this.#openedAtMs === undefined) {
      this.#shareMs = 0;
      this.#leftMs = 0;
    }
    const moreMs = Math.min(leaseMs * SHARE_OF_LEASE, SHARE_MS_MAX) - this.#shareMs;
    if (moreMs > 0) {
      this.#shareMs += moreMs;
      this.#leftMs += moreMs;
      this.#leaseEndsAtMs = nowMs + leaseMs;
    }
    if (this.#leftMs <= 0) return false;
    this.#openedAtMs ??= nowMs;
    return true;
  }

  close(nowMs: number): void {
    if (this.#openedAtMs === undefined) return;
    this.#leftMs -= nowMs - this.#openedAtMs;
    this.#openedAtMs = undefined;
  }
}
