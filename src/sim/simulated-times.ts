import type { PatternTimes } from '../queue/requests/pattern-times.ts';

/** Every so many calls of a node fail, as on one that lacks the time zone; after the first calls, which check requests. */
const FAILURE_EVERY = 11;

/** Patterns whose times are the multiples of a number of milliseconds. */
export function simulatedTimes(): PatternTimes {
  let calls = 0;
  return {
    next: (pattern, _, afterMs) => {
      // Requests are checked from the beginning of time on, and are valid.
      if (afterMs > 0) calls += 1;
      if (calls % FAILURE_EVERY === FAILURE_EVERY - 1) {
        calls += 1;
        throw new Error('no such time zone');
      }
      const everyMs = Number(pattern);
      return (Math.floor(afterMs / everyMs) + 1) * everyMs;
    },
  };
}
