import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { FAULT_MEANINGS } from '../../eval/questions/fault-meanings.ts';
import { rowsOfFaults } from '../../eval/questions/process-survival.ts';
import { rowsOfRuns } from '../../eval/questions/survival.ts';
import type { SurvivalRow } from '../../eval/questions/survival-row.ts';
import { readMutants } from '../../eval/report/mutant-count.ts';
import { survivalSection } from '../../eval/report/questions/survival-section.ts';
import type { FaultResult } from '../../eval/soak/processes/run-faults.ts';
import { planOf } from '../../src/sim/plan.ts';
import { type RunOutcome, runPlan } from '../../src/sim/run-plan.ts';
import { answerOf } from './answers.ts';
import { aFolder } from './fixtures.ts';

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

describe('the rows of the faults of processes', () => {
  const result = (name: string, more: Partial<FaultResult> = {}): FaultResult => ({
    ...{ name, times: 1, elections: 0, detail: '', isSkipped: false, failures: [] },
    counts: { acknowledged: 100, rejected: 3, unknown: 1, lost: 0, duplicated: 0, longestGapMs: 0 },
    ...more,
  });

  it('are one for each fault, and one over all of one cluster', () => {
    const rows = rowsOfFaults('shared folder', [
      result('kills', { times: 30 }),
      result('a full disk', { isSkipped: true }),
      result('a pause'),
    ]);
    expect(rows.map(({ source, fault, runs, injected, acknowledged }) => [source, fault, runs, injected, acknowledged])).toEqual([
      ['shared folder', 'all', 1, 31, 300],
      ['shared folder', 'kills', 1, 30, 100],
      ['shared folder', 'a full disk', 0, 0, 100],
      ['shared folder', 'a pause', 1, 1, 100],
    ]);
    expect(rows.every(({ lost, unexpected, violations }) => lost === 0 && unexpected === null && violations === 0)).toBe(true);
  });

  it('count a failure as a violation, and what was lost', () => {
    const counts = { acknowledged: 100, rejected: 0, unknown: 0, lost: 2, duplicated: 1, longestGapMs: 0 };
    const [all, kills] = rowsOfFaults('node processes', [result('kills', { counts, failures: ['2 messages are lost.'] })]);
    expect(all).toMatchObject({ lost: 2, duplicated: 1, violations: 1 });
    expect(kills).toMatchObject({ lost: 2, duplicated: 1, violations: 1 });
  });
});

describe('the section on survival', () => {
  const row = (fault: string, more: Partial<SurvivalRow> = {}): SurvivalRow => ({
    ...{ source: 'simulator', fault, runs: 10, injected: 30, acknowledged: 600, lost: 0, duplicated: 0, unexpected: 0, violations: 0 },
    ...more,
  });

  it('sums the steps of one source, and bounds what was not seen', () => {
    const { title, terms, table } = survivalSection(answerOf([row('all'), row('crash'), row('all'), row('crash')]));
    expect(title).toBe('Nothing was lost in 60 injections (60 in the simulator)');
    expect(terms?.[0]).toBe(
      'In the simulator 0 of 1,200 acknowledged adds were lost, in 20 runs: with 95 % confidence fewer than 3/20, 15 %, of such runs lose an add.',
    );
    expect(table.rows).toEqual([
      ['all, simulator', 'the kinds below', '20', '60', '1,200', '0', '15', '0', '0', '0'],
      ['crash', FAULT_MEANINGS.crash, '20', '60', '1,200', '0', '15', '0', '0', '0'],
    ]);
  });

  it('has one row for a soak, whose faults happened in one run, and no bound for it', () => {
    const soak = (fault: string, injected: number) => row(fault, { source: 'soak', runs: 1, injected });
    const { terms, table } = survivalSection(answerOf([row('all'), soak('all', 5), soak('pause', 2), soak('kill-leader', 3)]));
    expect(table.rows.map(([fault]) => fault)).toEqual(['all, simulator', 'all, soak']);
    expect(terms?.[1]).toBe('In the soak 0 of 600 acknowledged adds were lost, in 1 run, which gives no bound.');
    expect(terms).toContain('Faults of the soak, with how often each was injected: pause 2, kill-leader 3.');
  });

  it('has a row for each fault of processes, whose name says what happens', () => {
    const of = (fault: string, injected: number) => row(fault, { source: 'shared folder', runs: 1, injected, unexpected: null });
    const { title, note, terms, table } = survivalSection(
      answerOf([row('all'), of('all', 31), of('SIGKILL of the host', 30), of('a pause', 1)]),
    );
    expect(title).toBe('Nothing was lost in 61 injections (30 in the simulator, 31 in processes that share a folder)');
    expect(terms?.[1]).toBe('In processes that share a folder 0 of 600 acknowledged adds were lost, in 1 run, which gives no bound.');
    expect(table.rows.slice(1).map((cells) => [...cells.slice(0, 4), cells[8]])).toEqual([
      ['all, shared folder', 'the kinds below', '1', '31', '–'],
      ['shared folder', 'SIGKILL of the host', '1', '30', '–'],
      ['shared folder', 'a pause', '1', '1', '–'],
    ]);
    expect(note).toContain('one after the other');
    expect(survivalSection(answerOf([row('all')])).note).not.toContain('Processes');
  });

  it('says that the checkers find planted bugs, where that was measured', () => {
    const mutants = { all: 93, killed: 92, commits: ['0123456789'] };
    expect(survivalSection(answerOf([row('all')]), mutants).terms?.at(-2)).toContain('of 93 mutants');
    expect(survivalSection(answerOf([row('all')]), mutants).terms?.at(-2)).toContain('92 were killed, that is, found by the simulator');
    expect(survivalSection(answerOf([row('all')])).terms?.join(' ')).not.toContain('mutant');
    const folder = aFolder();
    expect(readMutants(ResultsFolder.at(folder))).toBeUndefined();
    writeFileSync(join(folder, 'mutants.csv'), 'mutant,killed_by,commit\na,log matching,c\nb,,c\n');
    expect(readMutants(ResultsFolder.at(folder))).toEqual({ all: 2, killed: 1, commits: ['c'] });
  });

  it('has no description that needs another row', () => {
    for (const meaning of Object.values(FAULT_MEANINGS)) expect(meaning).not.toMatch(/the same/);
  });

  it('says so when a guarantee was broken', () => {
    const { title, terms } = survivalSection(answerOf([row('all', { lost: 2, violations: 1 })]));
    expect(title).toBe('1 run with faults broke a guarantee');
    expect(terms?.[0]).toContain('2 lost of 600');
  });
});
