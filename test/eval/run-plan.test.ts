import { describe, expect, it } from 'vitest';
import { formatLeft, timeLeftMs } from '../../eval/measuring/progress.ts';
import { expectedRunMs, planRuns } from '../../eval/replay/run-plan.ts';
import { scenariosFor } from '../../eval/replay/scenario.ts';
import { settings } from './fixtures.ts';

const once = { fast: 1, sweep: 1, latency: 1, steady: 1, paced: 1 };

describe('the plan of a session', () => {
  it('interleaves repetitions: every case once, then every case again', () => {
    const plan = planRuns(
      scenariosFor('high', settings, { paced: false }).concat(scenariosFor('low', settings, { paced: false })),
      { ...once, fast: 3 },
      1,
    );
    expect(plan.map(({ scenario, repetition }) => `${scenario} ${repetition}`)).toEqual([
      'high 1',
      'low 1',
      'high 2',
      'low 2',
      'high 3',
      'low 3',
    ]);
  });

  it('gives every run a seed of its own', () => {
    const seeds = planRuns(scenariosFor('all', settings, { paced: true }), settings.repetitions, 1).map(({ seed }) => seed);
    expect(new Set(seeds).size).toBe(seeds.length);
  });

  it('of all without pacing takes less than two minutes by its own estimate', () => {
    const plan = planRuns(scenariosFor('all', settings, { paced: false }), settings.repetitions, 1);
    expect(plan.reduce((total, run) => total + expectedRunMs(run), 0)).toBeLessThan(115_000);
  });

  it('leaves sizes at full speed and latencies to the published session, unless all is paced or published', () => {
    const kinds = (options: { readonly paced: boolean; readonly isPublished?: boolean }) =>
      new Set(scenariosFor('all', settings, options).flatMap(({ cases }) => cases.map(({ kind }) => kind)));
    expect(kinds({ paced: false })).toEqual(new Set(['paced', 'fast', 'steady']));
    for (const options of [{ paced: true }, { paced: false, isPublished: true }])
      expect(kinds(options)).toEqual(new Set(['paced', 'fast', 'sweep', 'latency', 'steady']));
  });

  it('replays the pacing when asked: low 10.5 s, high 200.5 s', () => {
    const pacedCases = scenariosFor('all', settings, { paced: true }).flatMap(({ cases }) => cases.filter(({ kind }) => kind === 'paced'));
    expect(pacedCases.map(({ workload }) => workload.messages)).toEqual([100, 2000, 500, 500, 1000, 1000]);
    for (const { workload } of pacedCases) expect(workload).toMatchObject({ model: 'paced', delayMs: 100, settleMs: 500 });
    expect(scenariosFor('low', settings, { paced: false }).flatMap(({ cases }) => cases.map(({ kind }) => kind))).toEqual(['fast']);
  });

  it('keeps large payloads in bounds: few enough to end, slow enough to be far below capacity', () => {
    const [, sweep, latency] = scenariosFor('payload', settings, { paced: false });
    for (const { workload } of sweep?.cases ?? []) {
      expect(workload.messages * workload.payloadBytes).toBeLessThanOrEqual(
        Math.max(settings.sweep.bytesMax, settings.sweep.messagesMin * workload.payloadBytes),
      );
    }
    for (const { workload } of latency?.cases ?? []) {
      if (workload.model !== 'open-loop') throw new Error('latency is measured in an open loop');
      expect(workload.ratePerSecond * workload.payloadBytes).toBeLessThanOrEqual(settings.latency.bytesPerSecondMax);
    }
  });
});

describe('the time left', () => {
  it('is the estimate first, and then follows the pace so far', () => {
    expect(timeLeftMs(60_000, 0, 500)).toBe(60_000);
    expect(timeLeftMs(60_000, 30_000, 60_000)).toBe(60_000);
    expect(formatLeft(65_400)).toBe('1:05 left');
  });
});
