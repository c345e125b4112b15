import { describeValue } from '../base/describe-value.ts';
import { JobraftError, type Outcome } from '../base/errors.ts';
import { awaitRemedy } from '../base/missing-await.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { AdminRejectionReason, RejectionCode } from '../protocol/client-frame.ts';
import { AccessDeniedError } from './outage-errors.ts';

/** Every node that replied knew no leader, until the call's deadline. Nothing was applied. */
export class NoLeaderError extends JobraftError {
  override readonly code = 'NO_LEADER';

  constructor() {
    super('No leader available. An election is in progress or no majority of nodes can be reached; retry after a backoff.');
  }
}

/** The call's time is over. With `outcome: 'unknown'` it may still take effect, or have taken it. */
export class DeadlineError extends JobraftError {
  override readonly code = 'DEADLINE';
  override readonly outcome: Outcome;

  /** @param wasRead the call was sent, and only reads. */
  constructor(outcome: Outcome, wasRead = false) {
    super(
      wasRead
        ? 'No reply before the deadline: the node is overloaded, or reaches no majority of nodes. Nothing was to take effect: it is safe to repeat; a stale read needs no majority.'
        : outcome === 'unknown'
          ? 'No reply before the deadline; the call may have taken effect. Look for the job before you repeat the call, or raise "deadlineMs".'
          : 'The call could not be sent before its deadline. It is safe to repeat; raise "deadlineMs" if this happens under load.',
    );
    this.outcome = outcome;
  }
}

/**
 * Another worker may hold the job, or may have finished it: this worker's report no longer counts. With
 * `outcome: 'unknown'` this very call may have ended the job: its first reply was lost.
 */
export class LeaseLostError extends JobraftError {
  override readonly code = 'LEASE_LOST';
  override readonly outcome: Outcome;
  readonly jobId: string;

  constructor(jobId: number | string, outcome: Outcome = 'not-applied') {
    super(
      outcome === 'unknown'
        ? `Whether this call ended job ${jobId} is unknown: it was sent, its session expired before the reply, and the lease is over now. Look for the job with getJob().`
        : `The lease of job ${jobId} was lost; its result was rejected. Raise "lockDuration", or do not block the event loop while a job runs.`,
    );
    this.outcome = outcome;
    this.jobId = String(jobId);
  }
}

/**
 * The job is a dead letter because it stalled too often: `maxStalledCount` + 1 times in a row it was begun, and its lease expired. What its
 * processor did before may have taken effect.
 */
export class JobStalledError extends JobraftError {
  override readonly code = 'JOB_STALLED';
  override readonly outcome = 'unknown';
  readonly jobId: string;

  /** @param reason as stored, with the number of stalls and of allowed stalls. */
  constructor(jobId: number, reason: string) {
    super(
      `${reason}. Raise "lockDuration", do not block the event loop while a job runs, or allow more with "maxStalledCount"; then call job.retry() on job ${jobId}.`,
    );
    this.jobId = String(jobId);
  }
}

export class JobNotFoundError extends JobraftError {
  override readonly code = 'JOB_NOT_FOUND';
  readonly jobId: string;

  constructor(jobId: number | string) {
    super(`There is no job ${jobId}. It was removed, or "removeOnComplete" / "removeOnFail" did not keep it.`);
    this.jobId = String(jobId);
  }
}

export class JobStateError extends JobraftError {
  override readonly code = 'JOB_STATE';

  constructor(message: string) {
    super(`${message} Call getJob() for its current state.`);
  }
}

/** Too much for one addBulk(); none of it was sent. */
export class BulkTooLargeError extends JobraftError {
  override readonly code = 'BULK_TOO_LARGE';

  constructor(jobs: number, bytesMax: number) {
    super(`Only the first ${jobs} jobs fit into the ${bytesMax} bytes that one bulk may have. Split it into several calls of addBulk().`);
  }
}

/** The cluster ended this client's session while the outcome of a call was open, so it can no longer recognise a repetition. */
export class SessionExpiredError extends JobraftError {
  override readonly code = 'SESSION_EXPIRED';
  override readonly outcome = 'unknown';

  constructor() {
    super('The session expired while the call was unanswered; it may have taken effect. Look for the job before you repeat the call.');
  }
}

export class OverloadedError extends JobraftError {
  override readonly code = 'OVERLOADED';

  constructor(what: string) {
    super(`${what} Await earlier calls before you issue more, use addBulk(), or raise "queuedOperationsMax" and "queuedBytesMax".`);
  }
}

export class ClientClosedError extends JobraftError {
  override readonly code = 'CLIENT_CLOSED';
  override readonly outcome: Outcome;

  constructor(outcome: Outcome = 'not-applied') {
    super(
      outcome === 'unknown'
        ? 'The client was closed before the call was answered; it may have taken effect. Await your calls before close().'
        : 'The client is closed. Create a new one.',
    );
    this.outcome = outcome;
  }
}

/** The cluster was closed permanently: calls on it, or on its queues and workers, can no longer be answered. */
export class ClusterClosedError extends JobraftError {
  override readonly code = 'CLUSTER_CLOSED';
  override readonly outcome: Outcome;

  constructor(outcome: Outcome = 'not-applied') {
    super(
      outcome === 'unknown'
        ? 'The cluster was closed before the call was answered; it may have taken effect. Look for the job once the cluster runs again, and await your calls before cluster.close().'
        : 'The cluster is closed. Open it again with openCluster() or startCluster(), and connect new queues and workers to that.',
    );
    this.outcome = outcome;
  }
}

/** No node of the cluster runs or is being started. Nothing was sent. */
export class NoNodesRunningError extends JobraftError {
  override readonly code = 'NO_NODES_RUNNING';

  constructor(nodes: readonly number[]) {
    super(
      `No node of the cluster runs, and none is being started (its nodes: ${nodes.join(', ')}). Start a majority: cluster.restart(node).`,
    );
  }
}

/**
 * No majority of the nodes runs or replies, and that stays so until the cause is removed. `cause` is the error of such a node, or of the
 * process that hosts them, with its code (STORAGE_FULL, HOST_SILENT) and its remedy. With `outcome: 'unknown'` the call was sent before, and
 * may take effect once they run.
 */
export class QuorumLostError extends JobraftError {
  override readonly code = 'QUORUM_LOST';
  override readonly outcome: Outcome;

  constructor(nodes: readonly number[], running: readonly number[], cause: JobraftError, outcome: Outcome) {
    // Nodes may run and not reply: those of a process that is stopped.
    const state =
      running.length > nodes.length / 2
        ? `replies (its nodes: ${nodes.join(', ')})`
        : `runs (its nodes: ${nodes.join(', ')}; running: ${running.join(', ') || 'none'})`;
    super(
      `No majority of the cluster's nodes ${state}. ` +
        `${cause.code}: ${cause.message} ${cause.code.startsWith('STORAGE_') ? 'Then start them: cluster.restart(node). ' : ''}` +
        (outcome === 'unknown'
          ? 'The call was sent before; look for the job before you repeat it.'
          : 'The call was not applied; repeat it then.'),
      { cause },
    );
    this.outcome = outcome;
  }
}

/** The named node does not run, or its channel was lost before its reply. */
export class NodeUnavailableError extends JobraftError {
  override readonly code = 'NODE_UNAVAILABLE';
  readonly node: number;

  constructor(node: number) {
    super(`Node ${node} is not reachable. Ask another node, or start it.`);
    this.node = node;
  }
}

const OTHER_VERSION = 'Use the same version of jobraft on clients and nodes.';

/** The cluster rejected an operation: it does not understand it, or its payload is larger than the nodes allow (code TOO_LARGE). */
export class RequestRejectedError extends JobraftError {
  override readonly code: string;
  override readonly outcome: Outcome;
  /** What the node said. */
  readonly reason: string;

  constructor(code: string, message: string, outcome: Outcome = 'not-applied') {
    super(`The cluster rejected the call: ${message}${code === 'TOO_LARGE' || code === 'REJECTED_TOGETHER' ? '' : ` ${OTHER_VERSION}`}`);
    this.code = code;
    this.outcome = outcome;
    this.reason = message;
  }
}

/** The cluster runs a version of its state machine without the operation, and did not change to a newer one before the call's deadline. */
export class ClusterVersionError extends JobraftError {
  override readonly code = 'VERSION';
  override readonly outcome: Outcome;

  /** @param message from the node, with the version and the remedy. */
  constructor(message: string, outcome: Outcome) {
    super(`The cluster rejected the call until its deadline: ${message}`);
    this.outcome = outcome;
  }
}

export class UnknownOptionError extends JobraftError {
  override readonly code = 'UNKNOWN_OPTION';
  readonly option: string;
  readonly validOptions: readonly string[];

  /**
   * @param within the option or argument that contains it, unless it is the call's own.
   * @param missing of an option of BullMQ: what to use instead.
   */
  constructor(option: string, validOptions: readonly string[], within = '', missing?: string) {
    const meant = nearestName(option, validOptions);
    const place = within === '' ? '' : ` in "${within}"`;
    const what =
      missing === undefined
        ? `There is no option "${option}"${place}.${meant === undefined ? '' : ` Did you mean "${meant}"?`}`
        : `BullMQ's option "${option}"${place} is not supported yet. ${missing}`;
    super(`${what} Valid options: ${validOptions.join(', ')}.`);
    this.option = option;
    this.validOptions = validOptions;
  }
}

export class InvalidOptionError extends JobraftError {
  override readonly code = 'INVALID_OPTION';
  readonly option: string;

  constructor(option: string, value: unknown, remedy: string) {
    super(`Option "${option}" has the value ${describeValue(value)}. ${awaitRemedy(value)}${remedy}`);
    this.option = option;
  }
}

/** The job's data or name cannot be encoded. */
export class InvalidPayloadError extends JobraftError {
  override readonly code = 'INVALID_PAYLOAD';

  constructor(what: string, options?: { readonly cause?: unknown }) {
    super(`${what} Data must be a JSON value or a Uint8Array.`, options);
  }
}

/** Marks the errors that forbid another attempt, independent of the copy of jobraft that created them. */
const UNRECOVERABLE = Symbol.for('jobraft.unrecoverable');
const UNRECOVERABLE_NAME = 'UnrecoverableError';
/** Maximum number of classes of a chain that are checked: a Proxy may have an endless one. */
const PROTOTYPES_MAX = 64;

/** Thrown by a processor if another attempt is useless: the job becomes a dead letter at once. */
export class UnrecoverableError extends Error {
  static {
    UnrecoverableError.prototype.name = UNRECOVERABLE_NAME;
    Object.defineProperty(UnrecoverableError.prototype, UNRECOVERABLE, { value: true });
  }
}

/**
 * Whether the processor's error forbids another attempt: it is an UnrecoverableError of this or another copy of jobraft, or it or one of
 * its classes has that name, as BullMQ's class and its subclasses. Never throws: `error` may be a proxy, or have a getter that throws.
 */
export function isUnrecoverable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  try {
    if (Reflect.get(error, UNRECOVERABLE) === true) return true;
    let object: object | null = error;
    for (let depth = 0; object !== null && depth < PROTOTYPES_MAX; depth += 1) {
      if (ownName(object) === UNRECOVERABLE_NAME || ownClassName(object) === UNRECOVERABLE_NAME) return true;
      object = Object.getPrototypeOf(object);
    }
    return false;
  } catch {
    return false;
  }
}

const ownName = (object: object): unknown => (Object.hasOwn(object, 'name') ? Reflect.get(object, 'name') : undefined);

/** Of a class's prototype: the name of the class. */
function ownClassName(object: object): unknown {
  const made: unknown = Object.hasOwn(object, 'constructor') ? Reflect.get(object, 'constructor') : undefined;
  return typeof made === 'function' ? made.name : undefined;
}

/** The error for a rejection that a retry cannot change; `undefined` for one that is worth a retry. */
export function finalRejection(code: RejectionCode, message: string, outcome: Outcome): JobraftError | undefined {
  switch (code) {
    case 'NO_LEADER':
    case 'STOPPING':
    case 'OVERLOADED':
    case 'RETRY_LATER':
    // The cluster moves to a newer version as soon as its members allow it.
    case 'VERSION':
      return undefined;
    case 'ACCESS_DENIED':
      return new AccessDeniedError(message, outcome);
    default:
      return new RequestRejectedError(code, message, outcome);
  }
}

/** What prevents a reply to a call, as far as its client knows. */
export interface Obstacle {
  /** The call was sent, and only reads. */
  readonly wasRead?: boolean;
  /** The last rejection by a node of this call, or another one. */
  readonly rejection: { readonly code: RejectionCode; readonly message: string } | undefined;
  /** The nodes of the cluster, if none of them runs. */
  readonly stoppedNodes: readonly number[] | undefined;
  /** The error for an outage that does not end by itself. */
  readonly outage: ((outcome: Outcome) => JobraftError) | undefined;
}

/** The error of a call whose time is over: the most specific one that is true. */
export function deadlineRejection(outcome: Outcome, { rejection, stoppedNodes, outage, wasRead = false }: Obstacle): JobraftError {
  if (outage !== undefined) return outage(outcome);
  if (rejection?.code === 'VERSION') return new ClusterVersionError(rejection.message, outcome);
  if (outcome === 'unknown') return new DeadlineError('unknown');
  if (stoppedNodes !== undefined) return new NoNodesRunningError(stoppedNodes);
  if (rejection?.code === 'NO_LEADER') return new NoLeaderError();
  if (rejection?.code === 'OVERLOADED') return new OverloadedError('The cluster is overloaded and rejected the call until its deadline.');
  return new DeadlineError('not-applied', wasRead);
}

/** A node rejected a membership change or a leadership transfer. Nothing was changed. */
export class AdminRejectedError extends JobraftError {
  override readonly code: AdminRejectionReason;
  override readonly outcome = 'not-applied';
  /** The leader as far as the node knows, or zero. */
  readonly leader: number;

  constructor(code: AdminRejectionReason, message: string, leader: number) {
    super(message);
    this.code = code;
    this.leader = leader;
  }
}

/** The membership change was not complete in time; it may still continue. */
export class MembershipTimeoutError extends JobraftError {
  override readonly code = 'MEMBERSHIP_TIMEOUT';
  override readonly outcome = 'unknown';

  constructor(add: readonly number[], remove: readonly number[], withinMs: number) {
    const wanted = [add.length > 0 ? `add ${add.join(', ')}` : '', remove.length > 0 ? `remove ${remove.join(', ')}` : ''];
    super(
      `The change of members (${wanted.filter((part) => part !== '').join('; ')}) was not complete within ${withinMs} ms. ` +
        'See members(); a majority of the old and of the new voters must be reachable. Repeating the call is safe.',
    );
  }
}
