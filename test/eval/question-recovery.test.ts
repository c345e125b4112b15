import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { costPanel } from '../../eval/charts/cost-panel.ts';
import { recoveryCharts } from '../../eval/charts/questions/recovery-chart.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';
import { expectedMsOf } from '../../eval/questions/question.ts';
import type { Answer } from '../../eval/questions/question-file.ts';
import { type RecoveryRow, recovery } from '../../eval/questions/recovery/recovery.ts';
import { recoverySection } from '../../eval/report/questions/recovery-section.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';
import { answerOf } from './answers.ts';

/** The nodes' threads run the built code, so the rest of it has to be the built code, too. */
const { recoveryStep } = (await import(
  new URL('../../dist/eval/questions/recovery/recovery.js', import.meta.url).href
)) as typeof import('../../eval/questions/recovery/recovery.ts');

const config = loadClusterConfig(undefined, {});

type Case = Pick<RecoveryRow, 'commands' | 'entry' | 'checkpoints'>;

/** Two rows for each event. @param tookMs null for an event that took too long. */
const answerOfCases = (cases: readonly (Case & { readonly tookMs: number | null })[]): Answer<RecoveryRow> =>
  answerOf(
    cases.flatMap(({ tookMs, ...of }) =>
      (['restart', 'join'] as const).flatMap((event) =>
        [1, 1.2].map((factor) => ({
          ...{ ...of, event, disk_bytes: 2_000_000, log_entries: 7, checkpoints_written: 0 },
          took_ms: tookMs === null ? null : tookMs * factor * (event === 'join' ? 2 : 1),
        })),
      ),
    ),
  );

const ALL = [
  { commands: 1e3, entry: 'batched', checkpoints: 'on', tookMs: 100 },
  { commands: 1e7, entry: 'batched', checkpoints: 'on', tookMs: 500 },
  { commands: 1e3, entry: 'batched', checkpoints: 'off', tookMs: 100 },
  { commands: 1e7, entry: 'batched', checkpoints: 'off', tookMs: 20_000 },
  { commands: 1e6, entry: 'single', checkpoints: 'on', tookMs: 400 },
  { commands: 1e6, entry: 'single', checkpoints: 'off', tookMs: 9000 },
] as const;

describe('the question', () => {
  it('takes at most nine minutes on an idle machine, with each history once with checkpoints and once without', () => {
    expect(expectedMsOf(recovery)).toBeLessThanOrEqual(540_000);
    const names = recovery.steps.map(({ name }) => name);
    expect(new Set(names).size).toBe(12);
    expect(names.filter((name) => name.endsWith('off'))).toHaveLength(6);
  });
});

describe('a measured history', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-recovery-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const measure = (of: Pick<Case, 'commands' | 'entry'>, checkpoints: 'on' | 'off', limits = {}): Promise<readonly RecoveryRow[]> =>
    recoveryStep(of, checkpoints, 1).measure({
      config: { ...config, limits: { ...config.limits, ...limits } },
      dataDir: join(folder, 'data'),
      seed: 1,
      signal: new AbortController().signal,
      rowsSoFar: [],
    });

  it('has its restarts and joins, and far fewer entries than commands when they are batched', async () => {
    const rows = await measure({ commands: 5000, entry: 'batched' }, 'off');
    expect(rows.map(({ event }) => event)).toEqual(['restart', 'restart', 'join', 'join']);
    for (const row of rows) {
      expect(row).toMatchObject({ commands: 5000, entry: 'batched', checkpoints: 'off', checkpoints_written: 0 });
      expect(row.took_ms).toBeGreaterThan(0);
      expect(row.disk_bytes).toBeGreaterThan(64 * 1000);
    }
    expect(rows[0]?.log_entries).toBeLessThan(200);
  });

  it('has an entry for each command when they are single', async () => {
    const rows = await measure({ commands: 2000, entry: 'single' }, 'on');
    expect(rows).toHaveLength(4);
    expect(rows[0]?.log_entries).toBeGreaterThanOrEqual(2000);
  });

  it('has checkpoints where they are on, and none where they are off, whatever the limits of the session', async () => {
    const limits = { checkpointEntries: 1 };
    const [on] = await measure({ commands: 3000, entry: 'batched' }, 'on', limits);
    rmSync(join(folder, 'data'), { recursive: true });
    const [off] = await measure({ commands: 3000, entry: 'batched' }, 'off', limits);
    expect(on?.checkpoints_written).toBeGreaterThan(0);
    expect(off?.checkpoints_written).toBe(0);
  });

  it('must divide into equal removals and additions', async () => {
    await expect(measure({ commands: 3001, entry: 'batched' }, 'on')).rejects.toThrow('3001 commands');
  });

  it.each([0, 1000])('ends early without rows when the signal is aborted after %i ms', async (ms) => {
    const step = recoveryStep({ commands: 1e8, entry: 'batched' }, 'on', 1);
    const rows = await step.measure({ config, dataDir: join(folder, 'data'), seed: 1, signal: AbortSignal.timeout(ms), rowsSoFar: [] });
    expect(rows).toEqual([]);
  });
});

describe('the chart of recoveries', () => {
  it('states what the longest history costs, with checkpoints and without', () => {
    const [chart] = recoveryCharts(answerOfCases(ALL), { font: 'Inter', widthPx: 560 });
    expect(chart?.title).toBe(
      'After 10,000,000 commands a node restarts in 550 ms and a new one joins in 1.1 s; without checkpoints in 22 s and 44 s',
    );
  });

  it('names the limit where an event took longer', () => {
    const late = ALL.map((of) => (of.commands === 1e7 && of.checkpoints === 'off' ? { ...of, tookMs: null } : of));
    const restarts = answerOfCases(ALL).rows.filter(({ event }) => event === 'restart');
    const rows = [...restarts, ...answerOfCases(late).rows.filter(({ event }) => event === 'join')];
    const [chart] = recoveryCharts(answerOf(rows), { font: 'Inter', widthPx: 560 });
    expect(chart?.title).toContain('without checkpoints in 22 s and more than a minute');
  });

  it.each([300, 560])('is drawn %i px wide, with a name for each series in both panels', async (widthPx) => {
    const [chart] = recoveryCharts(answerOfCases(ALL), { font: 'Inter', widthPx });
    const svg = await renderSvg(chart as NonNullable<typeof chart>);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    // Twice in each panel: the name, and what is drawn below it.
    for (const name of ['checkpoints', 'without', 'checkpoints, single', 'without, single']) expect(svg.split(`>${name}<`)).toHaveLength(5);
  });

  it('has the name of a single point between others on its left', () => {
    const point = (x: number, series: string) => ({ x, value: 10, series, label: '' });
    const colors = { line: '#000000', point: '#ffffff' };
    const options = { widthPx: 100, heightPx: 100, xTitle: '', yTitle: '', x: 'log', y: 'log', colors } as const;
    const namedLeft = (x: number) => {
      const { data } = costPanel([point(1, 'line'), point(100, 'line'), point(x, 'point')], options);
      return data.values.map(({ isLeft }) => isLeft);
    };
    expect(namedLeft(10)).toEqual([false, false, true]);
    expect(namedLeft(1)).toEqual([false, false, false]);
    expect(namedLeft(100)).toEqual([false, false, false]);
  });
});

describe('the section of recoveries', () => {
  it('has a row for each history', () => {
    const { table, charts } = recoverySection(answerOfCases([...ALL.slice(0, 2), { ...ALL[3], tookMs: null }]));
    expect(charts).toEqual(['recovery']);
    expect(table.rows).toEqual([
      ['1,000', 'batched', 'on', '7', '0', '110 (100–120)', '2.0', '220 (200–240)', '2.0'],
      ['10,000,000', 'batched', 'on', '7', '0', '550 (500–600)', '2.0', '1,100 (1,000–1,200)', '2.0'],
      ['10,000,000', 'batched', 'off', '7', '0', '> 60,000', '2.0', '> 60,000', '2.0'],
    ]);
    expect(table.header).toHaveLength(9);
  });
});
