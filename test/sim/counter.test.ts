import { describe, expect, it } from 'vitest';
import { CounterModel } from '../../src/sim/counter/counter-model.ts';
import type { Sometimes } from '../../src/sim/coverage.ts';
import { planOf } from '../../src/sim/plan.ts';
import { runPlan, runPlanTwice } from '../../src/sim/run-plan.ts';
import { runSeeds } from '../../src/sim/seed-worker.ts';
import { Summary } from '../../src/sim/summary.ts';

const OPTIONS = { machine: 'counter', nodes: 5, seconds: 4 } as const;

describe('the simulator with a counter instead of the job queue', () => {
  it('finds no violation in the first seeds, and reaches hard cases', () => {
    const summary = new Summary();
    const seeds = Array.from({ length: 25 }, (_, at) => at + 1);
    for (const outcome of runSeeds({ ...OPTIONS, seeds, isTwice: false, isUntilViolation: false })) summary.add(outcome);
    expect(summary.violations).toEqual([]);
    const reached: readonly Sometimes[] = [
      'node restarted',
      'snapshot installed',
      'snapshot of several chunks',
      'disk lost',
      'leadership transferred',
      'cluster moved to a newer version',
      'request answered that had been sent again',
      'linearizable query answered',
      'lease query answered',
    ];
    expect(reached.filter((what) => summary.neverReached().includes(what))).toEqual([]);
    expect(summary.operations).toBeGreaterThan(500);
  });

  it('gives the same run for the same plan, and another one than with the queue', () => {
    const plan = planOf(3, OPTIONS);
    expect(runPlanTwice(plan).failure).toBeUndefined();
    expect(runPlan(plan).hash).not.toBe(runPlan({ ...plan, machine: 'queue' }).hash);
  });
});

describe('the model of the counter', () => {
  function aModel(): CounterModel {
    const model = new CounterModel();
    for (const amount of [1, 5, 2]) model.onSent(amount);
    model.onChanged(1, 1);
    model.onChanged(5, 8);
    return model;
  }

  it('accepts a value between what was acknowledged and what was sent', () => {
    expect(() => aModel().checkValue(1, 8)).not.toThrow();
  });

  it('rejects a value without an acknowledged change', () => {
    expect(() => aModel().checkValue(1, 5)).toThrow('at least 6 was acknowledged');
    expect(() => aModel().checkValue(1, 7)).toThrow('node 1 has 7, and the counter had 8');
  });

  it('rejects a value with more than was sent', () => {
    expect(() => aModel().checkValue(1, 9)).toThrow('8 was sent');
  });

  it('rejects two changes that lead to the same value, or overlap', () => {
    const same = aModel();
    expect(() => same.onChanged(2, 8)).toThrow('two changes got the value 8');
    const overlapping = aModel();
    overlapping.onChanged(2, 7);
    expect(() => overlapping.checkValue(1, 8)).toThrow('a change of 5 leads to 8');
  });

  it('rejects a read that does not see an acknowledged change, unless it may be stale', () => {
    const model = aModel();
    expect(model.acknowledged).toBe(8);
    expect(() => model.onRead('lease', 7, model.acknowledged)).toThrow('a lease read returns 7, and the counter had 8 before');
    expect(() => model.onRead('stale', 0, 0)).not.toThrow();
  });
});
