import { SeededRandom } from '../../src/base/random.ts';

/**
 * When messages are due, independently of the replies to earlier ones.
 * - `fixed`: a message every `everyMs`.
 * - `poisson`: exponentially distributed intervals, as of many independent senders.
 */
export type Schedule =
  | { readonly type: 'fixed'; readonly everyMs: number }
  | { readonly type: 'poisson'; readonly ratePerSecond: number; readonly seed: number };

/** Ascending due times in milliseconds since the start; the first message is due at 0. */
export function* dueTimes(schedule: Schedule): Generator<number, never> {
  if (schedule.type === 'fixed') {
    // Multiplied, since a sum of many fractions would drift.
    for (let message = 0; ; message += 1) yield message * schedule.everyMs;
  }
  const random = new SeededRandom(schedule.seed);
  const meanMs = 1000 / schedule.ratePerSecond;
  for (let dueMs = 0; ; dueMs += -Math.log(1 - random.nextUnit()) * meanMs) yield dueMs;
}
