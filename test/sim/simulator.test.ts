import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sometimes } from '../../src/sim/coverage.ts';
import type { Plan } from '../../src/sim/plan.ts';
import { planOf } from '../../src/sim/plan.ts';
import { runPlan, runPlanTwice } from '../../src/sim/run-plan.ts';
import { runSeeds } from '../../src/sim/seed-worker.ts';
import { shrink } from '../../src/sim/shrink.ts';
import { Summary } from '../../src/sim/summary.ts';
import { readTrace, saveTrace } from '../../src/sim/trace-file.ts';
import type { Workload } from '../../src/sim/workload.ts';
import { aFolder } from './folder.ts';

const OPTIONS = { nodes: 5, seconds: 4 };
const TRACES = join(import.meta.dirname, 'traces');

describe('the simulator', () => {
  it('finds no violation in the first seeds, and reaches hard cases', () => {
    const summary = new Summary();
    for (const outcome of runSeeds({
      ...OPTIONS,
      seeds: Array.from({ length: 45 }, (_, at) => at + 1),
      isTwice: false,
      isUntilViolation: false,
    }))
      summary.add(outcome);
    expect(summary.violations).toEqual([]);
    expect(summary.neverReached().length).toBeLessThan(12);
    expect(summary.simulatedHours).toBeGreaterThan(0.05);
  });

  it('reaches the cases of small bounds and of other clients', () => {
    const bounds = { sessionIdleMsMax: 800, sessionsMax: 4, sessionRepliesMax: 3, duePerEntryMax: 1, trimPerFinishMax: 1 };
    const workload: Workload = {
      ...{ outstandingMax: 8, burstMax: 3, operationsPerRequestMax: 5, queues: 5 },
      ...{
        retention: 'by-job',
        isBackoffExponential: true,
        sizes: [100],
        isOversized: true,
        hasSchedulers: true,
        hasReaders: true,
        hasFlows: false,
      },
    };
    const summary = new Summary();
    for (const seed of [1, 2, 7, 16]) {
      const plan = planOf(seed, { nodes: 3, seconds: 4 });
      const limits = { ...plan.limits, payloadBytesMax: 2_000 };
      summary.add(runPlan({ ...plan, bounds, workload, limits, isVersionAsked: false, upgrades: [] }));
    }
    expect(summary.violations).toEqual([]);
    const reached: readonly Sometimes[] = [
      'session expired',
      'late request rejected behind the end of its session',
      'more than three requests unanswered',
      'finished job removed to keep later ones',
      'payload rejected since it is too large',
      'more due than one entry takes',
    ];
    expect(reached.filter((what) => summary.neverReached().includes(what))).toEqual([]);
  });

  it('adds flows, and reads the results of children from their parents', () => {
    const summary = new Summary();
    for (let seed = 1; seed <= 14; seed += 1) {
      // A flow takes several operations: an add, a claim and an end of each job, and a read.
      const plan = { ...planOf(seed, { nodes: 3, seconds: 6 }), operations: 500 };
      const workload: Workload = { ...plan.workload, hasFlows: true };
      summary.add(runPlan({ ...plan, workload, isVersionAsked: false, upgrades: [] }));
    }
    expect(summary.violations).toEqual([]);
    const reached: readonly Sometimes[] = [
      'flow added',
      'parent claimed after its children',
      'child separated from its parent',
      'results of children read from their parent',
      'failures of children read from their parent',
    ];
    expect(reached.filter((what) => summary.neverReached().includes(what))).toEqual([]);
  });

  it.each([1, 3])('upgrades nodes whose newest version is %i', (oldVersion) => {
    const plan = planOf(1, { nodes: 3, seconds: 4 });
    const upgrades = [1, 2, 3].map((node) => ({ node, atMs: 1_000 * node }));
    const summary = new Summary();
    summary.add(runPlan({ ...plan, spares: 0, story: undefined, faults: [], bounds: {}, isVersionAsked: true, upgrades, oldVersion }));
    expect(summary.violations).toEqual([]);
    expect(summary.neverReached().includes('cluster moved to a newer version')).toBe(false);
    expect(summary.neverReached().includes('cluster moved on from version 3')).toBe(oldVersion === 1);
  });

  it.each([3, 7])('gives the same run for the same plan (seed %i)', (seed) => {
    const plan = planOf(seed, OPTIONS);
    expect(runPlanTwice(plan).failure).toBeUndefined();
    expect(runPlan(plan).hash).not.toBe(runPlan(planOf(seed + 1, OPTIONS)).hash);
  });

  it('makes the same plan for the same seed, and another one for another seed', () => {
    expect(planOf(5, OPTIONS)).toEqual(planOf(5, OPTIONS));
    expect(planOf(5, OPTIONS)).not.toEqual(planOf(6, OPTIONS));
  });
});

describe('a failing run', () => {
  /** A cluster whose network never delivers a frame makes no progress after the faults. */
  const stuck: Plan = { ...planOf(11, OPTIONS), nodes: 3, spares: 0, raft: { electionTimeoutMs: 600_000, heartbeatMs: 20 } };

  it('reports the invariant that it breaks', () => {
    expect(runPlan(stuck).failure?.invariant).toBe('progress once everything is healed');
  });

  it('shrinks to a minimal plan', () => {
    const failure = runPlan(stuck).failure;
    if (failure === undefined) throw new Error('the plan passes');
    const shrunk = shrink(stuck, failure);
    expect(shrunk.plan.faults).toEqual([]);
    expect(shrunk.plan.clients).toBe(1);
    expect(shrunk.failure.invariant).toBe(failure.invariant);
  });

  it('is saved and read again as it was', () => {
    using folder = aFolder();
    const failure = { invariant: 'one leader a term', message: 'nodes 1 and 2', atMs: 17 };
    saveTrace(join(folder.path, 'trace.json'), { plan: stuck, failure });
    expect(readTrace(join(folder.path, 'trace.json'))).toEqual({ plan: stuck, failure });
  });

  it('that is no trace is rejected with the remedy', () => {
    using folder = aFolder();
    expect(() => readTrace(join(folder.path, 'none.json'))).toThrow('Name a file that "npm run sim" saved');
  });
});

describe('traces of violations that were found and fixed', () => {
  it.each(readdirSync(TRACES).filter((name) => name.endsWith('.json')))('%s passes', (name) => {
    expect(runPlan(readTrace(join(TRACES, name)).plan).failure).toBeUndefined();
  });
});
