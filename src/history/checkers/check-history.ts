import type { HistoryEvent } from '../history.ts';
import { operationsOf } from '../operation.ts';
import { type Accounting, checkAccounting } from './accounting.ts';
import { checkCounts } from './counts.ts';
import { checkDeduplications } from './deduplications.ts';
import { checkFlows } from './flows.ts';
import { checkJobLinearizability } from './job-linearizability.ts';
import { type Leadership, LeaseClock, type Stop } from './lease-clock.ts';
import { checkLifecycle } from './lifecycle.ts';
import { checkListings } from './listings.ts';
import { checkOrder } from './order.ts';
import { checkQueueLinearizability } from './queue-linearizability.ts';
import { checkRetention } from './retention.ts';
import { checkSchedulers } from './schedulers.ts';
import type { Verdict } from './verdict.ts';

export interface CheckOptions {
  /** Whether the clients ran until no job was left; only then is an unfinished job a loss. Default true. */
  readonly isDrained?: boolean;
  /** How much the clocks of the nodes may differ from the history's, in milliseconds. Default 20. */
  readonly clockErrorMs?: number;
  /**
   * How much earlier a delay may end than by the history's clock, since delays follow the wall clocks of the leaders. Default:
   * `clockErrorMs`.
   */
  readonly delayErrorMs?: number;
  /** Leaderships, where they are known: they determine how long leases last. */
  readonly leaderships?: readonly Leadership[];
  /** Times in which no leader can have run. */
  readonly stops?: readonly Stop[];
  /** Whether the cluster ran one state-machine version from 2 on, so that attempts and stalls can be counted. Default true. */
  readonly isCounting?: boolean;
  /** Queues that are checked against the model of a whole queue; default: all. */
  readonly wholeQueues?: readonly string[];
  /** Queues with more operations are only checked job by job. Default 1,000. */
  readonly queueOperationsMax?: number;
  /** States that are tried before the verdict is `unknown`: for a whole queue, default 100,000; for each job, default 50,000. */
  readonly queueStepsMax?: number;
  readonly jobStepsMax?: number;
}

export interface HistoryReport {
  /** No checker found a violation or stopped at its bound. */
  readonly ok: boolean;
  readonly operations: number;
  readonly accounting: Accounting;
  /** Cheapest first. */
  readonly verdicts: readonly Verdict[];
}

/** Runs every checker over a history. @throws {HistoryFormatError} */
export function checkHistory(events: readonly HistoryEvent[], options: CheckOptions = {}): HistoryReport {
  const {
    isDrained = true,
    clockErrorMs = 20,
    delayErrorMs = clockErrorMs,
    leaderships,
    stops,
    isCounting = true,
    wholeQueues,
    queueOperationsMax = 1_000,
    queueStepsMax = 100_000,
    jobStepsMax = 50_000,
  } = options;
  const operations = operationsOf(events);
  const model = { leases: new LeaseClock(clockErrorMs * 1_000, leaderships, stops), delayErrorUs: delayErrorMs * 1_000, isCounting };
  const { verdict, accounting } = checkAccounting(operations, isDrained);
  const verdicts = [
    verdict,
    checkOrder(operations),
    checkCounts(operations),
    checkListings(operations),
    checkRetention(operations),
    checkSchedulers(operations),
    checkDeduplications(operations),
    checkFlows(operations),
    checkLifecycle(operations, model),
  ];
  verdicts.push(checkJobLinearizability(operations, { ...model, stepsPerJobMax: jobStepsMax }));
  verdicts.push(
    checkQueueLinearizability(operations, {
      model,
      queues: wholeQueues,
      operationsMax: queueOperationsMax,
      stepsMax: queueStepsMax,
    }),
  );
  return { ok: verdicts.every(({ ok }) => ok), operations: operations.length, accounting, verdicts };
}
