import { MalformedBytesError } from '../base/bytes.ts';
import { invariant } from '../base/invariant.ts';
import { COMMANDS } from '../protocol/commands.ts';
import { InvalidOperationError } from '../protocol/fields.ts';
import { NO_STATE, StateCode } from '../protocol/job-state.ts';
import { ErrorCode } from '../protocol/reply.ts';
import { OperationReader } from '../protocol/request-reader.ts';
import { operationsOf, transactionIn } from '../protocol/transaction.ts';
import { isHeld } from './attempt.ts';
import type { Execution } from './execution.ts';
import { APPLIED } from './job-edits.ts';
import { NO_JOBS } from './job-indexes.ts';
import type { JobStore } from './job-store.ts';
import { TransactionConflicts } from './transaction-conflicts.ts';

/** How an execution runs the operations of a transaction in place of its own. */
export interface TransactionRun extends Execution {
  /** Executes the operation that was read into this reader. @returns the ErrorCode of its result; -1 if it took effect. */
  executeIn(operation: OperationReader): number;
}

/**
 * Executes a transaction: all of its operations are checked before the first has an effect, and none can fail after that. No job is named
 * twice, nor one that an operation before changes by its flow or its deduplication; retention removes none of those that are named, and what is
 * due was processed before the request. So nothing which an operation does changes what a later one was checked against.
 */
export function transact(run: TransactionRun, version: number): void {
  const { jobs, replies, data } = run;
  const place = transactionIn(run.operation, data);
  const operation = new OperationReader();
  const conflicts = new TransactionConflicts(jobs);
  try {
    let at = 0;
    for (const _row of operationsOf(place, operation, version)) {
      const fault = conflicts.isReached(operation) ? ErrorCode.transactionConflict : faultOf(jobs, operation);
      if (fault !== APPLIED) {
        const { jobId } = operation;
        replies.transactionRejected(at, fault, jobId, jobs.table.get(jobId)?.state ?? NO_STATE);
        return;
      }
      conflicts.add(operation);
      at += 1;
    }
  } catch (error) {
    if (!(error instanceof MalformedBytesError || error instanceof InvalidOperationError)) throw error;
    replies.error(ErrorCode.invalidRequest, 0, NO_STATE);
    return;
  }
  const resultsAt = replies.beginTransacted();
  let count = 0;
  jobs.named = conflicts.named;
  for (const { name } of operationsOf(place, operation, version)) {
    const fault = run.executeIn(operation);
    invariant(fault === APPLIED, () => `${name} of job ${operation.jobId} was accepted in a transaction, and failed with code ${fault}`);
    count += 1;
  }
  jobs.named = NO_JOBS;
  replies.endTransacted(resultsAt, count);
}

/** What the operation would be rejected for. @returns an ErrorCode, or APPLIED. */
function faultOf(jobs: JobStore, { code, queueName, jobId, token }: OperationReader): number {
  switch (code) {
    case COMMANDS.add.code:
    case COMMANDS.addWithId.code:
      return APPLIED;
    case COMMANDS.complete.code:
    case COMMANDS.fail.code:
    case COMMANDS.release.code:
      return isHeld(jobs.table.get(jobId), token) ? APPLIED : jobs.leaseFault(jobId);
    case COMMANDS.updateProgress.code:
    case COMMANDS.updateData.code:
    case COMMANDS.addLog.code: {
      const job = jobs.findHeld(queueName, jobId, token);
      return typeof job === 'number' ? job : APPLIED;
    }
    default: {
      const fault = faultInState(jobs.find(queueName, jobId)?.state, code);
      return fault === APPLIED && code === COMMANDS.remove.code && jobs.hasActiveBelow(jobId) ? ErrorCode.childActive : fault;
    }
  }
}

/** @param state of the job that it names; undefined if there is none. */
function faultInState(state: number | undefined, code: number): number {
  if (state === undefined) return ErrorCode.jobNotFound;
  const isAllowed = ((): boolean => {
    switch (code) {
      case COMMANDS.remove.code:
        return state !== StateCode.active;
      case COMMANDS.promote.code:
      case COMMANDS.changeDelay.code:
        return state === StateCode.delayed;
      case COMMANDS.changePriority.code:
        return state === StateCode.delayed || state === StateCode.waiting;
      default:
        return code === COMMANDS.clearLogs.code;
    }
  })();
  return isAllowed ? APPLIED : ErrorCode.jobState;
}
