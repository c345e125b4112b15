import { type ServerErrorResponse, status } from '@grpc/grpc-js';
import { JobraftError } from '../../base/errors.ts';
import { errorMetadata } from '../../transport/grpc/call-status.ts';

/** By the code of the error; any other is INTERNAL. */
const STATUS: Readonly<Record<string, status>> = {
  JOB_NOT_FOUND: status.NOT_FOUND,
  SCHEDULER_NOT_FOUND: status.NOT_FOUND,
  JOB_STATE: status.FAILED_PRECONDITION,
  LEASE_LOST: status.FAILED_PRECONDITION,
  VERSION: status.FAILED_PRECONDITION,
  NO_LEADER: status.UNAVAILABLE,
  QUORUM_LOST: status.UNAVAILABLE,
  NODE_UNAVAILABLE: status.UNAVAILABLE,
  CLIENT_CLOSED: status.UNAVAILABLE,
  CLUSTER_CLOSED: status.UNAVAILABLE,
  MEMBERSHIP_TIMEOUT: status.DEADLINE_EXCEEDED,
  DEADLINE: status.DEADLINE_EXCEEDED,
  SESSION_EXPIRED: status.ABORTED,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  QUEUE_LIMIT: status.RESOURCE_EXHAUSTED,
  SCHEDULER_LIMIT: status.RESOURCE_EXHAUSTED,
  DEDUPLICATION_LIMIT: status.RESOURCE_EXHAUSTED,
  EVENT_LIMIT: status.RESOURCE_EXHAUSTED,
  EVENTS_LOST: status.OUT_OF_RANGE,
  FLOW_ID_TAKEN: status.ALREADY_EXISTS,
  CHILD_ACTIVE: status.FAILED_PRECONDITION,
  TRANSACTION_CONFLICT: status.FAILED_PRECONDITION,
  FLOW_TOO_LARGE: status.INVALID_ARGUMENT,
  INVALID_REQUEST: status.INVALID_ARGUMENT,
  INVALID_OPTION: status.INVALID_ARGUMENT,
  UNKNOWN_OPTION: status.INVALID_ARGUMENT,
  INVALID_PAYLOAD: status.INVALID_ARGUMENT,
  PAYLOAD_TOO_LARGE: status.INVALID_ARGUMENT,
  PROGRESS_TOO_LARGE: status.INVALID_ARGUMENT,
  LOG_ROW_TOO_LARGE: status.INVALID_ARGUMENT,
  TRANSACTION_TOO_LARGE: status.INVALID_ARGUMENT,
  TRANSACTION_REJECTED: status.FAILED_PRECONDITION,
  NOT_LEADER: status.UNAVAILABLE,
  NOT_READY: status.UNAVAILABLE,
  CHANGE_PENDING: status.FAILED_PRECONDITION,
  TRANSFERRING: status.FAILED_PRECONDITION,
  INVALID: status.INVALID_ARGUMENT,
  CONFIG_INVALID: status.INVALID_ARGUMENT,
  BACKUP_FAILED: status.ABORTED,
};

/** The error as a call reports it: see the head of proto/jobraft.proto. */
export function serviceErrorOf(error: unknown): ServerErrorResponse {
  const isKnown = error instanceof JobraftError;
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(message), {
    code: isKnown ? (STATUS[error.code] ?? status.INTERNAL) : status.INTERNAL,
    details: message,
    metadata: isKnown ? errorMetadata(error.code, error.outcome) : errorMetadata('INTERNAL', 'unknown'),
  });
}
