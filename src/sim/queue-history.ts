import { checkHistory } from '../history/checkers/check-history.ts';
import { jobQueueOf } from './job-queue-of.ts';
import { stepsMsOf } from './plan.ts';
import { checkPresence } from './presence.ts';
import type { QueueRecords } from './queue-records.ts';
import type { SimCluster } from './sim-cluster.ts';
import { checkProperty } from './violation.ts';

/** Maximum drift between the clocks of leaders within the longest lease, and between their wall clocks within a run. */
const LOG_CLOCK_ERROR_MS = 250;
const WALL_ERROR_MS_MAX = 2_500;
const WALL_ERROR_MS_MIN = 100;

/** Difference of wall clocks without steps: each is off by its share of the elapsed time. */
function wallErrorMsOf({ plan, schedule }: SimCluster): number {
  return Math.min(WALL_ERROR_MS_MAX, WALL_ERROR_MS_MIN + 2 * plan.drift * (schedule.nowMs - schedule.suspendedMs));
}

/** Checks the clients' history against the model of a queue, and that no acknowledged job is missing at the end. */
export function checkQueueHistory(cluster: SimCluster, { history: { events }, transactions }: QueueRecords): void {
  // Not the leader's: the last read of it may just have found its disk damaged.
  const runtimes = [...cluster.nodes.values()].flatMap(({ runtime }) => (runtime === undefined ? [] : [runtime]));
  const runtime = runtimes.reduce((best, each) => (each.applied > best.applied ? each : best));
  checkPresence(cluster, events, jobQueueOf(runtime), transactions);
  const { faults, isVersionAsked } = cluster.plan;
  const wallErrorMs = wallErrorMsOf(cluster) + stepsMsOf(faults);
  const report = checkHistory(events, {
    isDrained: false,
    // In version 1 leases ran on wall clocks, and attempts were counted differently.
    ...(isVersionAsked
      ? { clockErrorMs: wallErrorMs, isCounting: false }
      : {
          clockErrorMs: LOG_CLOCK_ERROR_MS,
          delayErrorMs: wallErrorMs,
          leaderships: cluster.leaderships.inOrder(),
          stops: cluster.leaderships.stops,
        }),
    queueOperationsMax: 0,
    jobStepsMax: 5_000,
  });
  for (const verdict of report.verdicts) {
    checkProperty(verdict.result !== 'violation', `history: ${verdict.checker}`, () => verdict.problems.map(({ what }) => what).join('; '));
  }
}
