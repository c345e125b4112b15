/** The part of a lease in which the jobs that stalled may be run alone, and most time of it. */
const SHARE_OF_LEASE = 1 / 3;
const SHARE_MS_MAX = 10_000;

/**
 * Bounds the time in which other jobs wait: in each lease a third of it, ten seconds at most. Of several leases the longest counts. What was
 * not used may be used until the lease is over.
 */
export class QuarantineWindow {
  /** Until then `#shareMs` is all that may be used. */
  #leaseEndsAtMs = 0;
  #shareMs = 0;
  /** What is left of the share, as of `#openedAtMs` while the window is open. */
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
