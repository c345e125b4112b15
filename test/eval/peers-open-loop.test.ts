import { describe, expect, it } from 'vitest';
import { dueTimes } from '../../eval/load/schedule.ts';
import type { Clock } from '../../eval/measuring/clock.ts';
import { offerAdds } from '../../eval/peers/open-loop.ts';

const NEVER = new AbortController().signal;

/** Its time passes only during a wait, or by `advance`. */
class TestClock implements Clock {
  #nowMs = 1_000_000;
  nowMs(): number {
    return this.#nowMs;
  }
  async waitUntil(atMs: number): Promise<void> {
    this.#nowMs = Math.max(this.#nowMs, atMs);
  }
  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

function arrivalsUntil(endMs: number, ratePerSecond: number, seed: number): number[] {
  const times: number[] = [];
  for (const atMs of dueTimes({ type: 'poisson', ratePerSecond, seed })) {
    if (atMs >= endMs) return times;
    times.push(atMs);
  }
  return times;
}

describe('the arrivals of the open loop', () => {
  it('are those of a Poisson process: intervals whose mean and standard deviation are 1 / rate', () => {
    const times = arrivalsUntil(100_000, 500, 7);
    const intervals = times.map((atMs, at) => atMs - (times[at - 1] ?? 0));
    const mean = intervals.reduce((sum, interval) => sum + interval, 0) / intervals.length;
    const deviation = Math.sqrt(intervals.reduce((sum, interval) => sum + (interval - mean) ** 2, 0) / intervals.length);
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(0);
    expect(mean).toBeGreaterThan(1.95);
    expect(mean).toBeLessThan(2.05);
    expect(deviation / mean).toBeGreaterThan(0.95);
    expect(deviation / mean).toBeLessThan(1.05);
  });

  it('are the same for the same seed, and others for another', () => {
    expect(arrivalsUntil(1000, 200, 3)).toEqual(arrivalsUntil(1000, 200, 3));
    expect(arrivalsUntil(1000, 200, 3)).not.toEqual(arrivalsUntil(1000, 200, 4));
  });
});

describe('adds that are offered at a rate', () => {
  const options = { ratePerSecond: 2000, durationMs: 500, warmUpMs: 100, seed: 5, signal: NEVER };

  it('are sent at their arrivals regardless of replies, and those of the warm-up are not counted', async () => {
    const clock = new TestClock();
    const startMs = clock.nowMs();
    const sentMs: number[] = [];
    const open: (() => void)[] = [];
    const replyToAll = (): void => {
      for (const reply of open) reply();
    };
    const add = (): Promise<void> => {
      sentMs.push(clock.nowMs() - startMs);
      if (sentMs.length === arrivals.length) queueMicrotask(replyToAll);
      return new Promise((resolve) => open.push(resolve));
    };
    const arrivals = arrivalsUntil(600, 2000, 5);
    const { latenciesMs, senderDelaysMs } = await offerAdds(add, { ...options, clock });
    expect(sentMs).toHaveLength(arrivals.length);
    for (const [at, dueMs] of arrivals.entries()) {
      const delayMs = (sentMs[at] ?? Number.NaN) - dueMs;
      expect(delayMs).toBeGreaterThanOrEqual(-1e-6);
      expect(delayMs).toBeLessThanOrEqual(1 + 1e-6);
    }
    const counted = arrivals.filter((dueMs) => dueMs >= 100);
    expect(senderDelaysMs).toHaveLength(counted.length);
    const repliedMs = sentMs.at(-1) ?? 0;
    expect(latenciesMs).toHaveLength(counted.length);
    for (const [at, dueMs] of counted.entries()) {
      expect(latenciesMs[at]).toBeGreaterThanOrEqual(repliedMs - dueMs - 1e-6);
      // The clock can pass by one wait before the reply is noticed.
      expect(latenciesMs[at]).toBeLessThanOrEqual(repliedMs - dueMs + 2);
    }
  });

  it('are timed from when they were due, also when the sender was late', async () => {
    const clock = new TestClock();
    let sent = 0;
    const add = async (): Promise<void> => {
      sent += 1;
      if (sent === 300) clock.advance(80);
    };
    const { latenciesMs, senderDelaysMs } = await offerAdds(add, { ...options, clock });
    expect(Math.max(...senderDelaysMs)).toBeGreaterThan(75);
    expect(Math.max(...latenciesMs)).toBeGreaterThan(75);
    // 80 ms of arrivals at 2,000 a second.
    expect(latenciesMs.filter((ms) => ms > 1.1).length).toBeGreaterThan(100);
  });

  it('fail with the error of an add', async () => {
    const add = (): Promise<void> => Promise.reject(new Error('overloaded'));
    await expect(offerAdds(add, { ...options, clock: new TestClock() })).rejects.toThrow('overloaded');
  });

  it('fail when a second of them has no reply: the rate is not sustained', async () => {
    const silent = (): Promise<void> => new Promise(() => undefined);
    await expect(offerAdds(silent, { ...options, durationMs: 5000, clock: new TestClock() })).rejects.toThrow('2000 adds a second are not');
    await expect(offerAdds(silent, { ...options, ratePerSecond: 20, clock: new TestClock() })).rejects.toThrow('20 adds a second are not');
    const slow = new TestClock();
    const blocking = async (): Promise<void> => slow.advance(2);
    await expect(offerAdds(blocking, { ...options, durationMs: 5000, clock: slow })).rejects.toThrow('are not sustained');
  });

  it('end early when they are interrupted, with what was measured', async () => {
    const interruption = new AbortController();
    let sent = 0;
    const add = async (): Promise<void> => {
      sent += 1;
      if (sent === 400) interruption.abort();
    };
    const { latenciesMs } = await offerAdds(add, { ...options, clock: new TestClock(), signal: interruption.signal });
    expect(sent).toBeGreaterThanOrEqual(400);
    expect(sent).toBeLessThan(arrivalsUntil(600, 2000, 5).length);
    expect(latenciesMs.length).toBeGreaterThan(0);
  });
});
