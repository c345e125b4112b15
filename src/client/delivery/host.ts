/** A source of random numbers, such as SeededRandom of base. */
export interface RandomSource {
  /** @returns an integer in [0, 2^32). */
  nextUint32(): number;
  /** @returns a number in [0, 1). */
  nextUnit(): number;
}

/**
 * What delivery needs from the place where it runs: real time (RealTime), or the simulator's. Functions that are passed in are called later,
 * never before the method returns.
 */
export interface DeliveryHost {
  readonly random: RandomSource;
  /** Monotonic, in ms. */
  nowMs(): number;
  /** Calls `run` once, after everything that this turn issues. */
  atTurnEnd(run: () => void): void;
  /** Calls `run` at `atMs`, or soon after; never if it is infinity. Replaces the previous time. */
  wakeAt(atMs: number, run: () => void): void;
}
