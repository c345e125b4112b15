import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openProgress } from '../../eval/measuring/progress.ts';
import { measureRun } from '../../eval/replay/measure-run.ts';
import { runSession } from '../../eval/replay/run-session.ts';
import { readLatencies } from '../../eval/replay/samples.ts';
import { FakeClock, type FakeFaults, fakeTarget } from './fake-target.ts';
import { aRun, aSession, settings } from './fixtures.ts';

const every = (step: number) => (message: number) => message % step === 0;
function measure(faults: FakeFaults, run = aRun(), clock = new FakeClock()) {
  return measureRun(run, aSession({ target: fakeTarget(faults, clock), clock }), () => undefined);
}

const paced = aRun({ kind: 'paced', workload: { model: 'paced', delayMs: 100, settleMs: 500, messages: 100, payloadBytes: 4 } });
const scheduled = (messages: number, ratePerSecond = 500) =>
  aRun({ kind: 'latency', workload: { model: 'open-loop', ratePerSecond, messages, payloadBytes: 16 } });

describe.each([
  ['as fast as possible', aRun()],
  ['on a schedule, by threads of their own', scheduled(100)],
])('the accounting of a run %s', (_model, run) => {
  it('of a faultless system: everything acknowledged is completed, once', async () => {
    expect(await measure({}, run)).toMatchObject({
      attempted: 100,
      acknowledged: 100,
      completed: 100,
      lost: 0,
      duplicated: 0,
      failed: 0,
      unknown: 0,
      valid: true,
      reason: '',
    });
  });

  it('detects every acknowledged message that the system dropped', async () => {
    expect(await measure({ lose: every(10) }, run)).toMatchObject({ acknowledged: 100, completed: 90, lost: 10, valid: true });
  });

  it('detects every message that was completed twice', async () => {
    expect(await measure({ duplicate: every(25) }, run)).toMatchObject({ completed: 100, duplicated: 4, lost: 0 });
  });

  it('does not call a rejected message lost', async () => {
    expect(await measure({ reject: every(20), lose: every(20) }, run)).toMatchObject({
      acknowledged: 95,
      failed: 5,
      completed: 95,
      lost: 0,
    });
  });

  it('counts unknown outcomes separately, also when the message was applied', async () => {
    expect(await measure({ leaveUnknown: every(50) }, run)).toMatchObject({ acknowledged: 98, unknown: 2, completed: 100, lost: 0 });
  });

  it('does not count a changed payload as a delivery', async () => {
    const row = await measure({ corrupt: every(50) }, run);
    expect(row).toMatchObject({ completed: 98, lost: 2, changed: 2, valid: false });
    expect(row.reason).toContain('2 payloads came back changed');
  });
});

describe('the row of a run', () => {
  it('says how it was made', async () => {
    expect(await measure({})).toMatchObject({
      command: 'npm run eval',
      commit: '0123456789',
      config_hash: 'abc',
      environment: 'e1',
      transport: 'memory',
      nodes: 3,
      durability: 'full',
      warm_up_messages: 5,
      messages: 100,
      payload_bytes: 16,
    });
  });

  it('takes the pacing out of the overhead, and the ceiling of its throughput is N / (0.1 N + 0.5)', async () => {
    const row = await measure({}, paced);
    expect(row).toMatchObject({ wall_ms: 10_500, overhead_per_message_ms: 0, delay_ms: 100, settle_ms: 500, offered_per_s: null });
    expect(row.throughput_per_s).toBeCloseTo(9.524, 3);
  });

  it('shows in the wall time and the overhead what a reply of 20 ms adds to each paced message', async () => {
    const clock = new FakeClock();
    const row = await measure({ onAdd: () => clock.advance(20) }, paced, clock);
    expect(row.wall_ms).toBeCloseTo(100 * 120 + 500, 3);
    expect(row.overhead_per_message_ms).toBeCloseTo(20, 6);
    expect(row.throughput_per_s).toBeCloseTo(100 / 12.5, 3);
    expect(row.service_p50_ms).toBeCloseTo(20, 1);
  });

  it('has latency only for a schedule, and service time always', async () => {
    expect(await measure({}, scheduled(1000))).toMatchObject({
      clients: 2,
      offered_per_s: 500,
      latency_p99_ms: expect.any(Number),
      latency_p999_ms: null,
      overhead_per_message_ms: null,
    });
    expect(await measure({})).toMatchObject({ clients: 1, latency_p50_ms: null, latency_max_ms: null, service_p50_ms: expect.any(Number) });
  });

  it('counts how late the load generator itself was, and stays valid', async () => {
    const late = new FakeClock(settings.generatorLagMsMax + 1);
    const session = aSession({ clock: late, target: fakeTarget({}, late) });
    const row = await measureRun(scheduled(200, 10), session, () => undefined);
    expect(row).toMatchObject({ valid: true, generator_lag_max_ms: 21 });
    expect(row.generator_late_share).toBeGreaterThan(0.9);
    expect(session.files.readRows()).toHaveLength(1);
  });

  it('is written, and the run counted as broken, when the system does not start', async () => {
    const session = aSession({ target: fakeTarget({ failToStart: true }) });
    const row = await measureRun(aRun(), session, () => undefined);
    expect(row).toMatchObject({ valid: false, reason: 'error: no leader within 10 s', wall_ms: null, attempted: 0 });
    expect(session.files.readRows()).toMatchObject([{ valid: false }]);
  });
});

describe('the files of a run', () => {
  it('are raw samples, with the warm-up marked as such, and no databases', async () => {
    const session = aSession();
    const row = await measureRun(aRun(), session, () => undefined);
    const next = await measureRun(aRun({ repetition: 2 }), session, () => undefined);
    const latencies = readLatencies(session.files.samplesFile);
    expect([...latencies.keys()]).toEqual([row.run, next.run]);
    for (const ofRun of latencies.values()) expect(ofRun).toHaveLength(100);
    expect(readdirSync(session.files.path).filter((name) => name.includes('-data-'))).toEqual([]);
  });
});

describe('an interruption', () => {
  it.each([
    ['as fast as possible', aRun()],
    ['on a schedule', scheduled(100)],
  ])('of a run %s keeps the results, marks the row, stops the system and begins no further run', async (_model, run) => {
    const controller = new AbortController();
    const target = fakeTarget({ onAdd: (message) => message === 30 && controller.abort() });
    const session = aSession({ target, signal: controller.signal });
    const output = Object.assign(Object.create(process.stdout), { isTTY: false, write: () => true });
    const rows = await runSession([run, { ...run, repetition: 2 }], session, openProgress(1000, output));
    expect(rows).toHaveLength(1);
    const [kept] = session.files.readRows();
    expect(kept).toMatchObject({
      valid: false,
      reason: 'interrupted',
      lost: 0,
      wall_ms: null,
      throughput_per_s: null,
      overhead_per_message_ms: null,
    });
    expect(kept?.acknowledged).toBeGreaterThanOrEqual(30);
    expect(kept?.acknowledged).toBeLessThan(100);
    expect(kept?.completed).toBe(kept?.acknowledged);
    expect(target.stopped()).toBe(1);
  });
});
