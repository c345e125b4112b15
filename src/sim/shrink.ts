import type { Plan } from './plan.ts';
import type { Failure } from './run-plan.ts';
import { runPlan } from './run-plan.ts';

export interface Shrunk {
  readonly plan: Plan;
  readonly failure: Failure;
  readonly runs: number;
}

/** Maximum number of runs for shrinking: then the plan is small enough to read, or cannot be made smaller. */
const RUNS_MAX = 400;

/**
 * Makes a plan that fails smaller while it still breaks the same invariant: fewer faults (by halves, then one by one), fewer clients and
 * operations, fewer spare nodes, an earlier end.
 */
export function shrink(plan: Plan, failure: Failure): Shrunk {
  let best: Shrunk = { plan, failure, runs: 0 };
  let runs = 0;
  const attempt = (candidate: Plan): boolean => {
    if (runs >= RUNS_MAX) return false;
    runs += 1;
    const outcome = runPlan(candidate).failure;
    if (outcome?.invariant !== failure.invariant) return false;
    best = { plan: candidate, failure: outcome, runs };
    return true;
  };
  for (let size = Math.ceil(best.plan.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.plan.faults.length; ) {
      const faults = [...best.plan.faults.slice(0, from), ...best.plan.faults.slice(from + size)];
      if (!attempt({ ...best.plan, faults })) from += size;
    }
  }
  while (best.plan.clients > 1 && attempt({ ...best.plan, clients: best.plan.clients - 1 }));
  while (best.plan.operations > 1 && attempt({ ...best.plan, operations: Math.floor(best.plan.operations / 2) }));
  if (best.plan.spares > 0) attempt({ ...best.plan, spares: 0 });
  for (const nodes of [3, 4]) if (nodes < best.plan.nodes && attempt({ ...best.plan, nodes })) break;
  attempt({ ...best.plan, network: { ...best.plan.network, dropProbability: 0, duplicateProbability: 0, clientDropProbability: 0 } });
  attempt({ ...best.plan, network: { ...best.plan.network, isReordering: false } });
  attempt({ ...best.plan, drift: 0 });
  const endMs = Math.ceil(best.failure.atMs);
  if (endMs < best.plan.faultMs) attempt({ ...best.plan, faultMs: endMs });
  return { ...best, runs };
}
