import { systemClock } from './clock.ts';

/** Adds at a fixed rate, whatever becomes of them, so that one add that hangs on the lost leader does not hide that others succeed. */
export class AcknowledgementProbe implements Disposable {
  /** When each add that succeeded was acknowledged, on the system clock, in that order. */
  readonly acknowledgedMs: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(add: () => Promise<unknown>, everyMs: number) {
    this.#timer = setInterval(() => {
      // A rejected add is the outage itself; what counts is when adds succeed again.
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

/** Between two acknowledgements of which the later one came after `fromMs`; times ascend. */
export function longestSilenceMs(acknowledgedMs: readonly number[], fromMs: number): number {
  let longestMs = 0;
  for (const [at, laterMs] of acknowledgedMs.entries()) {
    const earlierMs = acknowledgedMs[at - 1];
    if (earlierMs !== undefined && laterMs > fromMs) longestMs = Math.max(longestMs, laterMs - earlierMs);
  }
  return longestMs;
}
