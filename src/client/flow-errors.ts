import { JobraftError } from '../base/errors.ts';

/** The jobs that one call adds as flows are too many, too deep or too large together: nothing was sent. */
export class FlowTooLargeError extends JobraftError {
  override readonly code = 'FLOW_TOO_LARGE';
}

/** A job of a flow, below its root, has the custom id of a job that its queue has: nothing was added. */
export class FlowIdTakenError extends JobraftError {
  override readonly code = 'FLOW_ID_TAKEN';
}

/** A job was not removed, since a worker has one of those below it: nothing was removed. */
export class ChildActiveError extends JobraftError {
  override readonly code = 'CHILD_ACTIVE';
}
