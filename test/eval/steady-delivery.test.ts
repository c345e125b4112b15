import { describe, expect, it } from 'vitest';
import { measureRun } from '../../eval/replay/measure-run.ts';
import { FakeClock, type FakeFaults, fakeTarget } from './fake-target.ts';
import { aRun, aSession } from './fixtures.ts';

/** Each add takes a millisecond, so that a window of a second has a thousand. */
function measure(faults: FakeFaults = {}, perAddMs: (message: number) => number = () => 1) {
  const clock = new FakeClock();
  const target = fakeTarget({
    ...faults,
    onAdd: (message) => {
      clock.advance(perAddMs(message));
      faults.onAdd?.(message);
    },
  });
  const run = aRun({
    scenario: 'payload-steady',
    kind: 'steady',
    workload: { model: 'steady', inFlightMax: 2, messages: 0, payloadBytes: 64 },
  });
  return measureRun(run, aSession({ clock, target }), () => undefined);
}

describe('a run in steady state', () => {
  it('accounts for every message and says that its rate was steady', async () => {
    const row = await measure();
    expect(row).toMatchObject({
      messages: 0,
      lost: 0,
      duplicated: 0,
      changed: 0,
      unknown: 0,
      drained: true,
      valid: true,
      load_model: 'steady',
    });
    expect(row.attempted).toBeGreaterThan(0);
    expect(row.completed).toBe(row.attempted);
    expect(row.acknowledged).toBe(row.attempted);
    expect(row.windows_per_s).toMatch(/^\d+(;\d+)+$/);
    expect(row.latency_p50_ms).toBeNull();
  });

  it('detects what was lost, delivered twice and changed', async () => {
    expect((await measure({ duplicate: (message) => message === 5 })).duplicated).toBe(1);
    expect(await measure({ corrupt: (message) => message === 5 })).toMatchObject({ changed: 1, lost: 1, valid: false });
    expect((await measure({ lose: (message) => message === 5 })).lost).toBe(1);
  });

  it('ends at a rejected call, and is not called steady', async () => {
    expect(await measure({ reject: (message) => message === 5 })).toMatchObject({ failed: 1, lost: 0, is_steady: 0 });
  });
});
