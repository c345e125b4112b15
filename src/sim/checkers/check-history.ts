import type { HistoryEvent } from '../history/history.ts';
import { operationsOf } from '../history/operation.ts';
import { type Accounting, checkAccounting } from './accounting.ts';
import { checkCounts } from './counts.ts';
import { checkJobLinearizability } from './job-linearizability.ts';
import { checkLifecycle } from './lifecycle.ts';
import { checkOrder } from './order.ts';
import { checkQueueLinearizability } from './queue-linearizability.ts';
import type { Verdict } from './verdict.ts';

export interface CheckOptions {
  /** Whether the clients went on until nothing was left to do; only then are jobs missed. Default true. */
  readonly isDrained?: boolean;
  /** How much the clocks of the nodes may differ from the history's, in milliseconds. Default 20. */
  readonly clockErrorMs?: number;
  /** Which queues are held against the whole queue's model; default: all. */
  readonly wholeQueues?: readonly string[];
  /** Queues with more operations are not held against the whole queue's model, only job by job. Default 1,000. */
  readonly queueOperationsMax?: number;
  /** States that are tried before an answer is unknown: for a whole queue, default 100,000; for each job, default 50,000. */
  readonly queueStepsMax?: number;
  readonly jobStepsMax?: number;
}

export interface HistoryReport {
  /** No checker found a violation, and none had to give up. */
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
    wholeQueues,
    queueOperationsMax = 1_000,
    queueStepsMax = 100_000,
    jobStepsMax = 50_000,
  } = options;
  const operations = operationsOf(events);
  const clockErrorUs = clockErrorMs * 1_000;
  const { verdict, accounting } = checkAccounting(operations, isDrained);
  const verdicts = [verdict, checkOrder(operations), checkCounts(operations), checkLifecycle(operations, clockErrorUs)];
  verdicts.push(checkJobLinearizability(operations, { clockErrorUs, stepsPerJobMax: jobStepsMax }));
  verdicts.push(
    checkQueueLinearizability(operations, {
      clockErrorUs,
      queues: wholeQueues,
      operationsMax: queueOperationsMax,
      stepsMax: queueStepsMax,
    }),
  );
  return { ok: verdicts.every(({ ok }) => ok), operations: operations.length, accounting, verdicts };
}
