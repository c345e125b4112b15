import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import type { Session } from '../../eval/replay/measure-run.ts';
import { NOTHING_MEASURED } from '../../eval/replay/run-figures.ts';
import { RunFiles } from '../../eval/replay/run-files.ts';
import type { PlannedRun } from '../../eval/replay/run-plan.ts';
import type { RunRow } from '../../eval/replay/run-row.ts';
import { loadSettings, type Settings } from '../../eval/replay/settings.ts';
import { FakeClock, fakeTarget } from './fake-target.ts';

export const settings: Settings = loadSettings();

export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-eval-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Of an empty results folder. */
export const aRunFiles = (folder: string = aFolder()): RunFiles => RunFiles.open(ResultsFolder.open(folder));

export function aSession(overrides: Partial<Session> = {}): Session {
  return {
    settings: { ...settings, warmUp: { ...settings.warmUp, messages: 5 } },
    target: fakeTarget(),
    files: overrides.files ?? aRunFiles(),
    clock: new FakeClock(),
    command: 'npm run eval',
    commit: '0123456789',
    configHash: 'abc',
    environment: 'e1',
    session: '2026-01-02T03:04:00.000Z',
    nodes: 3,
    durability: 'full',
    signal: new AbortController().signal,
    ...overrides,
  };
}

export function aRun(overrides: Partial<PlannedRun> = {}): PlannedRun {
  return {
    scenario: 'low',
    kind: 'fast',
    workload: { model: 'closed-loop', messages: 100, payloadBytes: 16, inFlightMax: 10 },
    repetition: 1,
    seed: 1,
    ...overrides,
  };
}

export function aRow(overrides: Partial<RunRow> = {}): RunRow {
  const messages = overrides.messages ?? 100;
  return {
    scenario: 'low',
    kind: 'fast',
    session: '2026-01-02T03:04:00.000Z',
    run: 'a-run',
    repetition: 1,
    seed: 1,
    started: '2026-01-02T03:04:05.000Z',
    command: 'npm run eval',
    commit: '0123456789',
    config_hash: 'abc',
    environment: 'e1',
    fdatasync_p50_ms: 0.2,
    system: 'fake',
    transport: 'memory',
    nodes: 3,
    load_model: 'closed-loop',
    clients: 1,
    offered_per_s: null,
    in_flight_max: 10,
    delay_ms: 0,
    settle_ms: 0,
    payload_bytes: 4,
    durability: 'full',
    warm_up_messages: 5,
    ...NOTHING_MEASURED,
    wall_ms: 50,
    overhead_per_message_ms: 50 / messages,
    attempted: messages,
    acknowledged: messages,
    completed: messages,
    drained: true,
    throughput_per_s: messages * 20,
    adds_per_s: messages * 25,
    service_p50_ms: 1.5,
    valid: true,
    reason: '',
    ...overrides,
    messages,
  };
}

/** Rows of one whole session: every case of the settings, paced and fast, with plausible figures. */
export function rowsOfEverything(): RunRow[] {
  const rows: RunRow[] = [];
  const push = (overrides: Partial<RunRow>): void => {
    rows.push(aRow({ ...overrides, run: `run-${rows.length}`, started: new Date(1_767_000_000_000 + rows.length * 60_000).toISOString() }));
  };
  for (const scenario of ['low', 'high', 'payload'] as const) {
    for (const { messages, payloadBytes } of settings.scenarios[scenario]) {
      const shared = { scenario, messages, payload_bytes: payloadBytes };
      push({
        ...shared,
        kind: 'paced',
        load_model: 'paced',
        delay_ms: 100,
        settle_ms: 500,
        wall_ms: messages * 103 + 500,
        overhead_per_message_ms: 3 + payloadBytes / 1e5,
        throughput_per_s: (messages / (messages * 103 + 500)) * 1000,
        service_p50_ms: 0.9,
      });
      for (const repetition of [1, 2, 3]) {
        push({ ...shared, repetition, throughput_per_s: 4000 + repetition * 500, overhead_per_message_ms: 0.2 + repetition / 50 });
      }
    }
  }
  for (const payloadBytes of settings.sweep.payloadBytes) {
    for (const repetition of [1, 2, 3]) {
      const perSecond = (1 + repetition / 20) / (1e-4 + payloadBytes / 3e7);
      push({
        scenario: 'payload-sweep',
        kind: 'sweep',
        repetition,
        messages: 500,
        payload_bytes: payloadBytes,
        throughput_per_s: perSecond,
        adds_per_s: perSecond * 1.5,
      });
    }
  }
  for (const payloadBytes of settings.steady.payloadBytes) {
    const perSecond = 1 / (2e-5 + payloadBytes / 8e7);
    push({
      scenario: 'payload-steady',
      kind: 'steady',
      load_model: 'steady',
      messages: 0,
      overhead_per_message_ms: null,
      payload_bytes: payloadBytes,
      attempted: 500_000,
      acknowledged: 500_000,
      completed: 500_000,
      throughput_per_s: perSecond,
      first_second_per_s: perSecond / 3,
      warm_up_ms: 5_000,
      is_steady: 1,
      windows_per_s: '1;2;3',
    });
  }
  for (const payloadBytes of settings.latency.payloadBytes) {
    const p50 = 0.8 + payloadBytes / 2e5;
    const isMany = payloadBytes <= 16_384;
    push({
      scenario: 'payload-latency',
      kind: 'latency',
      load_model: 'open-loop',
      offered_per_s: isMany ? 500 : 20,
      delay_ms: isMany ? 2 : 50,
      messages: isMany ? 1000 : 50,
      payload_bytes: payloadBytes,
      latency_p50_ms: p50,
      latency_p90_ms: isMany ? p50 * 1.7 : null,
      latency_p99_ms: isMany ? p50 * 4 : null,
      latency_max_ms: p50 * 9,
    });
  }
  return rows;
}

/** Latencies as the runs may have them, the same at each call. */
export function latenciesOf(rows: readonly RunRow[]): ReadonlyMap<string, readonly number[]> {
  return new Map(
    rows.map(({ run, messages, latency_p50_ms }) => {
      const p50 = latency_p50_ms ?? 1;
      return [run, Array.from({ length: messages }, (_, at) => p50 * (0.5 + ((at * 7919) % 1000) / 1000) ** 2.2)];
    }),
  );
}
