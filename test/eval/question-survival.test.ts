import { describe, expect, it } from 'vitest';
import { FAULT_MEANINGS } from '../../eval/questions/fault-meanings.ts';
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
    const { title, terms, table } = survivalSection(answerOf([row('all'), row('crash'), row('all'), row('crash')]));
    expect(title).toBe('Nothing was lost in 60 faults (60 in the simulator)');
    expect(terms?.[0]).toBe(
      'In the simulator 0 of 1,200 acknowledged adds were lost, in 20 runs: with 95 % confidence fewer than 3/20, 15 %, of such runs lose an add.',
    );
    expect(table.rows).toEqual([
      ['all, simulator', 'the kinds below', '20', '60', '1,200', '0', '0', '0', '0'],
      ['crash', FAULT_MEANINGS.crash, '20', '60', '1,200', '0', '0', '0', '0'],
    ]);
  });

  it('has one row for a soak, whose faults happened in one run, and no bound for it', () => {
    const soak = (fault: string, injected: number) => row(fault, { source: 'soak', runs: 1, injected });
    const { terms, table } = survivalSection(answerOf([row('all'), soak('all', 5), soak('pause', 2), soak('kill-leader', 3)]));
    expect(table.rows.map(([fault]) => fault)).toEqual(['all, simulator', 'all, soak']);
    expect(terms?.[1]).toBe('In the soak 0 of 600 acknowledged adds were lost, in 1 run, which gives no bound.');
    expect(terms).toContain('Faults of the soak, with how often each was injected: pause 2, kill-leader 3.');
  });

  it('says so when a guarantee was broken', () => {
    const { title, terms } = survivalSection(answerOf([row('all', { lost: 2, violations: 1 })]));
    expect(title).toBe('1 run with faults broke a guarantee');
    expect(terms?.[0]).toContain('2 lost of 600');
  });
});
