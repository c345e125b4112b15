import { checkHistory } from '../history/checkers/check-history.ts';
import type { Sometimes } from './coverage.ts';
import type { FaultType } from './fault.ts';
import { type Plan, stepsMsOf } from './plan.ts';
import { checkPresence } from './presence.ts';
import { checkProperty, Violation } from './violation.ts';
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
  const world = new World(plan);
  let failure: Failure | undefined;
  try {
    world.run();
    checkHistories(world);
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
    operations: world.history.events.length,
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

/** Maximum drift between the clocks of leaders within the longest lease, and between their wall clocks within a run. */
const LOG_CLOCK_ERROR_MS = 250;
const WALL_ERROR_MS_MAX = 2_500;
const WALL_ERROR_MS_MIN = 100;

/** Difference of wall clocks without steps: each is off by its share of the elapsed time. */
function wallErrorMsOf({ plan, schedule }: World): number {
  return Math.min(WALL_ERROR_MS_MAX, WALL_ERROR_MS_MIN + 2 * plan.drift * (schedule.nowMs - schedule.suspendedMs));
}

/** Checks the clients' history against the model of a queue, and that no acknowledged job is missing at the end. */
function checkHistories(world: World): void {
  // Not the leader's: the last read of it may just have found its disk damaged.
  const machines = [...world.nodes.values()].flatMap(({ runtime }) => (runtime === undefined ? [] : [runtime.machine]));
  const machine = machines.reduce((best, each) => (each.appliedIndex > best.appliedIndex ? each : best));
  checkPresence(world, machine);
  const { faults, isVersionAsked } = world.plan;
  const wallErrorMs = wallErrorMsOf(world) + stepsMsOf(faults);
  const report = checkHistory(world.history.events, {
    isDrained: false,
    // In version 1 leases ran on wall clocks, and attempts were counted differently.
    ...(isVersionAsked
      ? { clockErrorMs: wallErrorMs, isCounting: false }
      : {
          clockErrorMs: LOG_CLOCK_ERROR_MS,
          delayErrorMs: wallErrorMs,
          leaderships: world.leaderships.inOrder(),
          stops: world.leaderships.stops,
        }),
    queueOperationsMax: 0,
    jobStepsMax: 5_000,
  });
  for (const verdict of report.verdicts) {
    checkProperty(verdict.result !== 'violation', `history: ${verdict.checker}`, () => verdict.problems.map(({ what }) => what).join('; '));
  }
}
