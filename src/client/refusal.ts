import type { OperationErrorCode, OperationResult } from '../queue/reply.ts';
import { JobNotFoundError, JobStateError, LeaseLostError, RequestRefusedError, SessionExpiredError } from './errors.ts';

export type Refusal = Extract<OperationResult, { readonly ok: false }>;

/** The error for an operation that the state machine refused. */
export function toRejection(refusal: Refusal): Error {
  const { code, message, job = 0 } = refusal;
  switch (code) {
    case 'LEASE_LOST':
      return new LeaseLostError(job);
    case 'JOB_NOT_FOUND':
      return new JobNotFoundError(job);
    case 'JOB_STATE':
      return new JobStateError(message);
    case 'SESSION_EXPIRED':
      return new SessionExpiredError();
    default:
      return new RequestRefusedError(code, message);
  }
}

/** The job is no longer its holder's: its lease ran out, or it was finished and perhaps removed by another. */
export const isLeaseGone = (code: OperationErrorCode): boolean => code === 'LEASE_LOST' || code === 'JOB_NOT_FOUND' || code === 'JOB_STATE';

export const unexpected = (result: OperationResult): Error =>
  result.ok
    ? new RequestRefusedError('UNEXPECTED_RESULT', `a result of type "${result.type}" does not fit the call.`)
    : toRejection(result);
