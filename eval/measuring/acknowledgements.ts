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

/** A time without an acknowledgement: from one to the next. */
export interface Silence {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The longest time between two acknowledgements, the later of which is after `fromMs`; `undefined` without such two. Times ascend. */
export function longestSilence(acknowledgedMs: readonly number[], fromMs: number): Silence | undefined {
  let longest: Silence | undefined;
  for (const [at, laterMs] of acknowledgedMs.entries()) {
    const earlierMs = acknowledgedMs[at - 1];
    if (earlierMs === undefined || laterMs <= fromMs) continue;
    if (longest === undefined || laterMs - earlierMs > longest.toMs - longest.fromMs) longest = { fromMs: earlierMs, toMs: laterMs };
  }
  return longest;
}

/** Its duration; 0 without one. */
export function longestSilenceMs(acknowledgedMs: readonly number[], fromMs: number): number {
  const silence = longestSilence(acknowledgedMs, fromMs);
  return silence === undefined ? 0 : silence.toMs - silence.fromMs;
}
