import { describe, expect, it } from 'vitest';
import { LaneLoad } from '../../eval/load/lane-load.ts';
import { measureSteadyState, type SteadyLoad, type SteadyStateOptions } from '../../eval/load/steady-state.ts';
import { waitingJobsThatFit } from '../../eval/load/waiting-jobs.ts';
import type { Clock } from '../../eval/measuring/clock.ts';

/** Time passes only in waitUntil, which may be late. */
class FakeClock implements Clock {
  ms = 5000;
  lateMs = 0;
  nowMs(): number {
    return this.ms;
  }
  async waitUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted !== true) this.ms = Math.max(this.ms, atMs + this.lateMs);
  }
}

/** Completes events at a rate that depends on the time since its start. */
class FakeLoad implements SteadyLoad {
  readonly calls: string[] = [];
  endsAfterMs = Number.POSITIVE_INFINITY;
  readonly #clock: FakeClock;
  readonly #rateAt: (second: number) => number;
  #startMs = 0;

  constructor(clock: FakeClock, rateAt: (second: number) => number) {
    this.#clock = clock;
    this.#rateAt = rateAt;
  }
  start(): void {
    this.#startMs = this.#clock.ms;
    this.calls.push('start');
  }
  async stop(): Promise<void> {
    this.calls.push('stop');
  }
  completed(): number {
    let events = 0;
    const elapsedMs = this.#clock.ms - this.#startMs;
    for (let second = 0; second * 1000 < elapsedMs; second += 1) {
      events += (this.#rateAt(second) * Math.min(1000, elapsedMs - second * 1000)) / 1000;
    }
    return events;
  }
  isEnded(): boolean {
    return this.#clock.ms - this.#startMs >= this.endsAfterMs;
  }
}

const NEVER = new AbortController().signal;

function measure(
  rateAt: (second: number) => number,
  change: { readonly options?: Partial<SteadyStateOptions<number>>; readonly lateMs?: number; readonly endsAfterMs?: number } = {},
) {
  const clock = new FakeClock();
  clock.lateMs = change.lateMs ?? 0;
  const load = new FakeLoad(clock, rateAt);
  load.endsAfterMs = change.endsAfterMs ?? Number.POSITIVE_INFINITY;
  const state = measureSteadyState(load, { clock, signal: NEVER, sample: () => load.completed(), ...change.options });
  return { load, state };
}

/** 0, 4,000, 15,000, then 60,000 and a little more or less. */
const warmingUp = (second: number): number => [0, 4000, 15_000, 60_000, 61_000, 59_500][second] ?? 60_000;

describe('the steady state of a load', () => {
  it('begins when three consecutive windows agree within 5 %, and is measured for ten seconds', async () => {
    const { state, load } = measure(warmingUp);
    expect(await state).toEqual({
      firstSecondPerSecond: 0,
      warmUpMs: 6000,
      isSteady: true,
      perSecond: 60_000,
      windows: [0, 4000, 15_000, 60_000, 61_000, 59_500, ...Array.from({ length: 10 }, () => 60_000)],
      measuredMs: 10_000,
      samples: { before: 199_500, after: 799_500 },
    });
    expect(load.calls).toEqual(['start', 'stop']);
  });

  it('is not reached by windows that differ by more, however close two of them are', async () => {
    const alternating = (second: number): number => (second % 2 === 0 ? 1000 : 1060);
    const state = await measure(alternating).state;
    expect(state).toMatchObject({ isSteady: false, warmUpMs: 20_000, measuredMs: 10_000, perSecond: 1030 });
  });

  it('is not that of a load that completes nothing', async () => {
    expect(await measure(() => 0).state).toMatchObject({ isSteady: false, perSecond: 0 });
  });

  it('is divided by the time that really passed', async () => {
    const state = await measure(() => 100, { lateMs: 250 }).state;
    expect(state).toMatchObject({ isSteady: true, perSecond: 100, firstSecondPerSecond: 100, warmUpMs: 3750, measuredMs: 10_000 });
  });

  it('has the durations that the caller sets', async () => {
    const options = { windowMs: 100, agreeingWindows: 2, tolerance: 0.2, warmUpMsMax: 400, measureMs: 300 };
    const state = await measure(() => 10, { options }).state;
    expect(state).toMatchObject({ warmUpMs: 200, measuredMs: 300, isSteady: true });
    expect(state.windows).toHaveLength(5);
  });

  it('is marked as not steady when the load reached its bound before the end', async () => {
    const state = await measure(() => 100, { endsAfterMs: 6500 }).state;
    expect(state).toMatchObject({ isSteady: false, warmUpMs: 3000, measuredMs: 4000, perSecond: 100 });
  });

  it('has no rate when the load ended while it warmed up', async () => {
    const state = await measure(() => 100, { endsAfterMs: 2000 }).state;
    expect(state).toMatchObject({ isSteady: false, measuredMs: 0, perSecond: Number.NaN, samples: undefined });
  });

  it('ends early when it is aborted, and the load is stopped', async () => {
    const controller = new AbortController();
    const { state, load } = measure(
      (second) => {
        if (second === 7) controller.abort();
        return 100;
      },
      { options: { signal: controller.signal } },
    );
    const { measuredMs, isSteady, perSecond } = await state;
    expect(measuredMs).toBeLessThan(10_000);
    expect({ isSteady, perSecond }).toEqual({ isSteady: false, perSecond: 100 });
    expect(load.calls).toEqual(['start', 'stop']);
  });
});

describe('a load of lanes', () => {
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  it('keeps a number of calls in flight until it is stopped, and counts the events of those that completed', async () => {
    let inFlight = 0;
    let most = 0;
    const call = async (): Promise<void> => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await turns(1);
      inFlight -= 1;
    };
    const load = new LaneLoad({ lanes: 3, call, eventsOfCall: 10 });
    load.start();
    await turns(20);
    await load.stop();
    expect({ most, inFlight }).toEqual({ most: 3, inFlight: 0 });
    expect(load.completed()).toBeGreaterThanOrEqual(30);
    expect(load.completed() % 10).toBe(0);
  });

  it('ends at its bound', async () => {
    const load = new LaneLoad({ lanes: 1, call: () => turns(1), eventsMax: 5 });
    load.start();
    while (!load.isEnded()) await turns(1);
    await load.stop();
    expect(load.completed()).toBe(5);
  });

  it('ends when a call fails, and stop() rejects with its error', async () => {
    const load = new LaneLoad({ lanes: 2, call: () => Promise.reject(new Error('overloaded')) });
    load.start();
    await turns(2);
    expect(load.isEnded()).toBe(true);
    await expect(load.stop()).rejects.toThrow('overloaded');
  });
});

describe('the number of waiting jobs', () => {
  it('is bounded by half of the free memory, for all nodes together', () => {
    expect(waitingJobsThatFit(1, 8_000_000)).toBe(10_000);
    expect(waitingJobsThatFit(4, 8_000_000)).toBe(2500);
  });
});
