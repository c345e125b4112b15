import type { PlanOptions } from './plan.ts';
import { planOf } from './plan.ts';
import type { RunOutcome } from './run-plan.ts';
import { runPlan, runPlanTwice } from './run-plan.ts';

export interface SeedTask extends PlanOptions {
  readonly seeds: readonly number[];
  readonly isTwice: boolean;
  /** Skip the remaining seeds once one failed. */
  readonly isUntilViolation: boolean;
}

/** A thread of the pool: runs seeds one after the other. */
export function runSeeds({ seeds, isTwice, isUntilViolation, ...options }: SeedTask): readonly RunOutcome[] {
  const outcomes: RunOutcome[] = [];
  for (const seed of seeds) {
    const plan = planOf(seed, options);
    const outcome = isTwice ? runPlanTwice(plan) : runPlan(plan);
    outcomes.push(outcome);
    if (isUntilViolation && outcome.failure !== undefined) break;
  }
  return outcomes;
}
