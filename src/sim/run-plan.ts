import type { Sometimes } from './coverage.ts';
import type { FaultType } from './fault.ts';
import { SIM_MACHINES } from './machines.ts';
import type { Plan } from './plan.ts';
import { Violation } from './violation.ts';
import { World } from './world.ts';

export interface Failure {
  readonly invariant: string;
  readonly message: string;
  /** Simulated milliseconds from the start. */
  readonly atMs: number;
}

export interface RunOutcome {
  readonly seed: number;
  readonly failure: Failure | undefined;
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly operations: number;
  readonly faults: Readonly<Partial<Record<FaultType, number>>>;
  readonly sometimes: Readonly<Partial<Record<Sometimes, number>>>;
}

/** Runs a plan once. A violation is returned as the outcome, not thrown. */
export function runPlan(plan: Plan): RunOutcome {
  const world = new World(plan, SIM_MACHINES[plan.machine]);
  let failure: Failure | undefined;
  try {
    world.run();
    world.clients.checkEnd();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    failure = { invariant: error.invariant, message: error.message, atMs: Math.round(world.schedule.nowMs) };
  }
  return {
    seed: plan.seed,
    failure,
    hash: world.trace.hash,
    events: world.schedule.events,
    simulatedMs: world.schedule.nowMs - world.schedule.suspendedMs,
    operations: world.clients.events,
    faults: Object.fromEntries(world.faultCounts),
    sometimes: Object.fromEntries(world.coverage.counts),
  };
}

/** Runs a plan twice: a run that depends on anything but its plan cannot be replayed, which is a separate failure. */
export function runPlanTwice(plan: Plan): RunOutcome {
  const first = runPlan(plan);
  if (first.failure !== undefined) return first;
  const second = runPlan(plan);
  if (second.hash === first.hash && second.events === first.events) return first;
  const message = `two runs of the same plan differ: ${first.hash} with ${first.events} events, ${second.hash} with ${second.events}`;
  return { ...first, failure: { invariant: 'the same plan gives the same run', message, atMs: 0 } };
}
