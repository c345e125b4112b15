import { describe, expect, it } from 'vitest';
import { limitsText } from '../../src/cli/commands/queue-limits.ts';

describe('the limits of a queue on the terminal', () => {
  it.each([
    [null, null, 0, 'has no limit'],
    [1, null, 0, 'has at most 1 active job'],
    [3, { max: 100, duration: 60_000 }, 0, 'has at most 3 active jobs, and hands out at most 100 jobs within 60 s'],
    [null, null, 1_500.2, 'hands out none for another 1.501 s, by a rate, the limiter of a worker or --hold'],
  ])('of %s active, the rate %o, held for %d ms, are shown', (concurrency, rate, heldMs, text) => {
    expect(limitsText(concurrency, rate, heldMs)).toBe(text);
  });
});
