/** A leader's time, from its election until it steps down or ends, in microseconds of the history's clock. */
export interface Leadership {
  readonly fromUs: number;
  /** Infinity for the one that still leads. */
  readonly toUs: number;
}

/**
 * When leases can have ended. They run on the log's clock, which stands still while nobody leads, and each new leader gives those that are not
 * over a fresh term. Without leaderships leases run on the history's clock all the time.
 */
export class LeaseClock {
  readonly errorUs: number;
  readonly #leaderships: readonly Leadership[];

  /** @param errorUs how much the clocks behind the leases may differ from the history's. @param leaderships in the order of their terms. */
  constructor(errorUs: number, leaderships: readonly Leadership[] = []) {
    this.errorUs = errorUs;
    this.#leaderships = leaderships;
  }

  /** @returns the earliest time at which a lease that began, or was extended, at `sinceUs` or later can be over, but for the clocks' error. */
  overUs(sinceUs: number, leaseMs: number): number {
    const leaseUs = leaseMs * 1_000;
    let atUs = sinceUs;
    let leftUs = leaseUs;
    for (const [place, { fromUs, toUs }] of this.#leaderships.entries()) {
      // The next leader can be elected before this one knows; from then on nothing of this one is committed any more.
      const untilUs = Math.min(toUs, this.#leaderships[place + 1]?.fromUs ?? Number.POSITIVE_INFINITY);
      if (untilUs <= sinceUs) continue;
      if (fromUs > sinceUs) leftUs = leaseUs;
      const startUs = Math.max(fromUs, sinceUs);
      if (startUs + leftUs <= untilUs) return startUs + leftUs;
      leftUs -= untilUs - startUs;
      atUs = untilUs;
    }
    return atUs + leftUs;
  }
}
