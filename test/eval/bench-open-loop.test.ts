import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { addOnSchedule } from '../../eval/bench/open-loop.ts';
import type { Job } from '../../src/index.ts';

const NEVER = new AbortController().signal;

describe('adds on a schedule', () => {
  it('are sent when they are due regardless of earlier ones, and timed from then on', async () => {
    let sent = 0;
    const queue = {
      add: async () => {
        sent += 1;
        if (sent % 10 === 0) throw new Error('rejected');
        await sleep(30);
        return {} as Job;
      },
    };
    const adds = await addOnSchedule(queue, { ratePerSecond: 5_000, durationMs: 40 }, { signal: NEVER });
    expect(sent).toBe(200);
    expect(adds).toHaveLength(180);
    for (const { intendedMs, acknowledgedMs } of adds) expect(acknowledgedMs - intendedMs).toBeGreaterThanOrEqual(29);
    const [first, second] = adds;
    expect((second?.intendedMs ?? 0) - (first?.intendedMs ?? 0)).toBeCloseTo(0.2, 5);
  });

  it('include the delay of a blocked sender', async () => {
    let sent = 0;
    const queue = {
      add: async () => {
        sent += 1;
        // The whole thread is stopped, as in a collection of garbage.
        if (sent === 1) for (const until = performance.now() + 50; performance.now() < until; );
        return {} as Job;
      },
    };
    const adds = await addOnSchedule(queue, { ratePerSecond: 1_000, durationMs: 20 }, { signal: NEVER });
    expect(adds).toHaveLength(20);
    expect(Math.min(...adds.map(({ intendedMs, acknowledgedMs }) => acknowledgedMs - intendedMs))).toBeGreaterThan(25);
  });

  it('end early when they are aborted', async () => {
    const aborted = AbortSignal.abort();
    expect(await addOnSchedule({ add: async () => ({}) as Job }, { ratePerSecond: 1_000, durationMs: 1_000 }, { signal: aborted })).toEqual(
      [],
    );
  });
});
