/** A leader's time, from its election until it steps down or ends, in microseconds of the history's clock. */
export interface Leadership {
  readonly fromUs: number;
  /** Infinity for the current leader. */
  readonly toUs: number;
}

/** An interval in which no leader runs, so that the log's clock stops, in microseconds of the history's clock. */
export interface Stop {
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * When leases can have ended. They run on the log's clock, which stops while there is no leader, and each new leader gives unexpired leases
 * their full duration again. Without leaderships leases always run on the history's clock.
 */
export class LeaseClock {
  readonly errorUs: number;
  readonly #leaderships: readonly Leadership[];
  readonly #stops: readonly Stop[];

  /**
   * @param errorUs how much the clocks behind the leases may differ from the history's.
   * @param leaderships in the order of their terms.
   * @param stops in their order.
   */
  constructor(errorUs: number, leaderships: readonly Leadership[] = [], stops: readonly Stop[] = []) {
    this.#stops = stops;
    this.errorUs = errorUs;
    this.#leaderships = leaderships;
  }

  /**
   * @returns the earliest time at which a lease that began, or was extended, at `sinceUs` or later can have ended, apart from the clocks'
   *   error.
   */
  overUs(sinceUs: number, leaseMs: number): number {
    const leaseUs = leaseMs * 1_000;
    let atUs = sinceUs;
    let leftUs = leaseUs;
    for (const [place, { fromUs }] of this.#leaderships.entries()) {
      const untilUs = this.#countsUntilUs(place);
      if (untilUs <= sinceUs) continue;
      if (fromUs > sinceUs) {
        // On a fast clock it may have ended before.
        if (leftUs <= this.errorUs) return atUs + leftUs;
        leftUs = leaseUs;
      }
      const startUs = Math.max(fromUs, sinceUs);
      const overUs = this.#after(startUs, leftUs);
      if (overUs <= untilUs) return overUs;
      leftUs -= this.#between(startUs, untilUs);
      atUs = untilUs;
    }
    return this.#after(atUs, leftUs);
  }

  /**
   * Until when a leader's entries can be committed. Others may be elected before it steps down; what it writes meanwhile is committed if one
   * of them had it before its own election (Raft §5.4.2, Figure 8), which also may be a later one than the next.
   */
  #countsUntilUs(place: number): number {
    const { toUs } = this.#leaderships[place] as Leadership;
    const later = this.#leaderships.slice(place + 1);
    return later.length === 0 ? toUs : Math.min(toUs, Math.max(...later.map(({ fromUs }) => fromUs)));
  }

  /** The time at which this duration has passed, stops not counted. */
  #after(sinceUs: number, durationUs: number): number {
    let overUs = sinceUs + durationUs;
    for (const { fromUs, toUs } of this.#stops) if (toUs > sinceUs && fromUs < overUs) overUs += toUs - Math.max(fromUs, sinceUs);
    return overUs;
  }

  #between(fromUs: number, untilUs: number): number {
    let passedUs = untilUs - fromUs;
    for (const stop of this.#stops) passedUs -= Math.max(0, Math.min(stop.toUs, untilUs) - Math.max(stop.fromUs, fromUs));
    return passedUs;
  }
}
