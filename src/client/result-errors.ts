import type { OperationErrorCode, OperationResult } from '../protocol/reply.ts';
import { DeduplicationLimitError } from './deduplication-errors.ts';
import { JobNotFoundError, JobStateError, LeaseLostError, RequestRejectedError, SessionExpiredError } from './errors.ts';
import { ChildActiveError, FlowIdTakenError } from './flow-errors.ts';
import { SchedulerLimitError, SchedulerNotFoundError } from './scheduler-errors.ts';
import { TransactionConflictError } from './transaction-errors.ts';

export type FailedResult = Extract<OperationResult, { readonly ok: false }>;

/** The error for an operation that the state machine rejected. */
export function errorOfResult(rejection: FailedResult): Error {
  const { code, message, job = 0 } = rejection;
  switch (code) {
    case 'LEASE_LOST':
      return new LeaseLostError(job);
    case 'JOB_NOT_FOUND':
      return new JobNotFoundError(job);
    case 'JOB_STATE':
      return new JobStateError(message);
    case 'SCHEDULER_NOT_FOUND':
      return new SchedulerNotFoundError(message);
    case 'SCHEDULER_LIMIT':
      return new SchedulerLimitError(message);
    case 'DEDUPLICATION_LIMIT':
      return new DeduplicationLimitError(message);
    case 'FLOW_ID_TAKEN':
      return new FlowIdTakenError(message);
    case 'TRANSACTION_CONFLICT':
      return new TransactionConflictError(message);
    case 'CHILD_ACTIVE':
      return new ChildActiveError(message);
    case 'SESSION_EXPIRED':
      return new SessionExpiredError();
    default:
      return new RequestRejectedError(code, message);
  }
}

/** The job no longer belongs to its holder: its lease expired, or another worker finished and perhaps removed it. */
export const isLeaseGone = (code: OperationErrorCode): boolean => code === 'LEASE_LOST' || code === 'JOB_NOT_FOUND' || code === 'JOB_STATE';

export const unexpectedResult = (result: OperationResult): Error =>
  result.ok
    ? new RequestRejectedError('UNEXPECTED_RESULT', `a result of type "${result.type}" does not fit the call.`)
    : errorOfResult(result);
