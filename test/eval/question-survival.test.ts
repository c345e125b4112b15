import { describe, expect, it } from 'vitest';
import { rowsOfRuns, type SurvivalRow } from '../../eval/questions/survival.ts';
import { survivalSection } from '../../eval/report/questions/survival-section.ts';
import { planOf } from '../../src/sim/plan.ts';
import { type RunOutcome, runPlan } from '../../src/sim/run-plan.ts';
import { answerOf } from './answers.ts';

const failure = { invariant: 'election safety', message: 'two leaders', atMs: 1 };
const run = (faults: RunOutcome['faults'], acknowledged: number, failed = false): RunOutcome => ({
  ...{ seed: 1, hash: '', events: 0, simulatedMs: 0, operations: 0, sometimes: {} },
  ...{ faults, acknowledged, failure: failed ? failure : undefined },
});

describe('the rows of simulated runs', () => {
  it('count a run for each fault that happened in it', () => {
    const rows = rowsOfRuns([run({ crash: 2, stall: 1 }, 10), run({ crash: 1 }, 7)]);
    expect(rows.map(({ fault, runs, injected, acknowledged, lost }) => [fault, runs, injected, acknowledged, lost])).toEqual([
      ['all', 2, 4, 17, 0],
      ['crash', 2, 3, 17, 0],
      ['stall', 1, 1, 10, 0],
    ]);
  });

  it('claim no losses of zero where a run ended at a violation', () => {
    const [all, crash, stall] = rowsOfRuns([run({ crash: 1 }, 10, true), run({ stall: 1 }, 7)]);
    expect(all).toMatchObject({ lost: null, violations: 1 });
    expect(crash).toMatchObject({ lost: null, duplicated: null, unexpected: null, violations: 1 });
    expect(stall).toMatchObject({ lost: 0, violations: 0 });
  });

  it('have the acknowledged adds of the simulator', () => {
    const outcome = runPlan({ ...planOf(1, { nodes: 3, seconds: 1 }), faults: [] });
    expect(outcome.acknowledged).toBeGreaterThan(0);
    expect(outcome.acknowledged).toBeLessThan(outcome.operations);
  });
});

describe('the section on survival', () => {
  const row = (fault: string, more: Partial<SurvivalRow> = {}): SurvivalRow => ({
    ...{ source: 'simulator', fault, runs: 10, injected: 30, acknowledged: 600, lost: 0, duplicated: 0, unexpected: 0, violations: 0 },
    ...more,
  });

  it('sums the steps of one source, and bounds what was not seen', () => {
    const { title, note, table } = survivalSection(answerOf([row('all'), row('crash'), row('all'), row('crash')]));
    expect(title).toBe('Nothing was lost in 60 faults');
    expect(note).toContain('0 of 1,200 acknowledged adds were lost: p < 3/n = 2.5e-3');
    expect(table.rows).toEqual([
      ['simulator', 'all', '20', '60', '1,200', '0', '0', '0', '0'],
      ['simulator', 'crash', '20', '60', '1,200', '0', '0', '0', '0'],
    ]);
  });

  it('says so when a guarantee was broken', () => {
    const { title, note } = survivalSection(answerOf([row('all', { lost: 2, violations: 1 })]));
    expect(title).toBe('1 run with faults broke a guarantee');
    expect(note).toContain('2 lost of 600');
  });
});
