import { systemClock } from './clock.ts';

/** Adds at a fixed rate regardless of their outcome, so that one add that hangs on the lost leader does not hide that others succeed. */
export class AcknowledgementProbe implements Disposable {
  /** When each add that succeeded was acknowledged, on the system clock, in that order. */
  readonly acknowledgedMs: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(add: () => Promise<unknown>, everyMs: number) {
    this.#timer = setInterval(() => {
      // Adds are rejected during the outage; only the time at which they succeed again counts.
      add().then(
        () => this.acknowledgedMs.push(systemClock.nowMs()),
        () => undefined,
      );
    }, everyMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** The longest time between two acknowledgements, the later of which is after `fromMs`; times ascend. */
export function longestSilenceMs(acknowledgedMs: readonly number[], fromMs: number): number {
  let longestMs = 0;
  for (const [at, laterMs] of acknowledgedMs.entries()) {
    const earlierMs = acknowledgedMs[at - 1];
    if (earlierMs !== undefined && laterMs > fromMs) longestMs = Math.max(longestMs, laterMs - earlierMs);
  }
  return longestMs;
}
