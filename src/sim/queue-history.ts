import { checkHistory } from '../history/checkers/check-history.ts';
import type { HistoryEvent } from '../history/history.ts';
import { jobQueueOf } from './job-queue-of.ts';
import { stepsMsOf } from './plan.ts';
import { checkPresence } from './presence.ts';
import { checkProperty } from './violation.ts';
import type { World } from './world.ts';

/** Maximum drift between the clocks of leaders within the longest lease, and between their wall clocks within a run. */
const LOG_CLOCK_ERROR_MS = 250;
const WALL_ERROR_MS_MAX = 2_500;
const WALL_ERROR_MS_MIN = 100;

/** Difference of wall clocks without steps: each is off by its share of the elapsed time. */
function wallErrorMsOf({ plan, schedule }: World): number {
  return Math.min(WALL_ERROR_MS_MAX, WALL_ERROR_MS_MIN + 2 * plan.drift * (schedule.nowMs - schedule.suspendedMs));
}

/** Checks the clients' history against the model of a queue, and that no acknowledged job is missing at the end. */
export function checkQueueHistory(world: World, events: readonly HistoryEvent[]): void {
  // Not the leader's: the last read of it may just have found its disk damaged.
  const runtimes = [...world.nodes.values()].flatMap(({ runtime }) => (runtime === undefined ? [] : [runtime]));
  const runtime = runtimes.reduce((best, each) => (each.applied > best.applied ? each : best));
  checkPresence(world, events, jobQueueOf(runtime));
  const { faults, isVersionAsked } = world.plan;
  const wallErrorMs = wallErrorMsOf(world) + stepsMsOf(faults);
  const report = checkHistory(events, {
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
