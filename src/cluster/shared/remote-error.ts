import { BackupError } from '../../backup/backup-error.ts';
import { ConfigError, JobraftError, type Outcome } from '../../base/errors.ts';
import {
  AdminRejectedError,
  ClusterClosedError,
  DeadlineError,
  InvalidOptionError,
  MembershipTimeoutError,
  NodeUnavailableError,
  NoLeaderError,
  NoNodesRunningError,
  QuorumLostError,
  UnknownOptionError,
} from '../../client/errors.ts';
import { LogFileError } from '../../logs/log-file-error.ts';
import { StorageError } from '../../storage/errors.ts';
import { NodeCodeMissingError } from '../node-code.ts';
import { NodeFailedError, NodeStuckError } from '../node-handle.ts';
import { HostLostError, HostSilentError } from './errors.ts';

/** An error of another process or thread, in values that JSON has. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Its own fields, such as code, outcome and key. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The errors that calls of a cluster document. */
const CLASSES: Readonly<Record<string, { readonly prototype: Error }>> = {
  AdminRejectedError,
  BackupError,
  ClusterClosedError,
  ConfigError,
  DeadlineError,
  HostLostError,
  HostSilentError,
  InvalidOptionError,
  LogFileError,
  MembershipTimeoutError,
  NoLeaderError,
  NoNodesRunningError,
  NodeCodeMissingError,
  NodeFailedError,
  NodeStuckError,
  NodeUnavailableError,
  QuorumLostError,
  StorageError,
  UnknownOptionError,
};

/** An error of another process that is none of jobraft's documented ones. */
export class RemoteError extends JobraftError {
  override readonly code: string = 'REMOTE_ERROR';
  override readonly outcome: Outcome = 'unknown';
}

export function recordError(thrown: unknown): ErrorRecord {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), stack: '', fields: {} };
  const fields = Object.fromEntries(Object.entries(thrown).filter(([, value]) => isPlain(value)));
  return { name: thrown.name, message: thrown.message, stack: thrown.stack ?? '', fields };
}

/** An error of the class that the record names, with its message, its fields, and the stack of where it was thrown. */
export function errorOf({ name, message, stack, fields }: ErrorRecord): Error {
  const error = new RemoteError(message);
  const known = CLASSES[name];
  if (known !== undefined) {
    Object.setPrototypeOf(error, known.prototype);
    error.name = name;
  }
  Object.assign(error, fields);
  if (stack !== '') error.stack = stack;
  return error;
}

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value) || (Array.isArray(value) && value.every(isPlain));
}
