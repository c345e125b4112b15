import { JobraftError } from '../base/errors.ts';

/** What the command reports to its caller. */
export const EXIT = Object.freeze({ done: 0, rejected: 1, usage: 2, unreachable: 3, output: 4, interrupted: 130, terminated: 143 });

/** Each code with its meaning, for `--help`. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.done, 'done'],
  [EXIT.rejected, 'the call was rejected'],
  [EXIT.usage, 'wrong usage: an argument, an option or the named folder is invalid'],
  [EXIT.unreachable, 'no leader, or the cluster cannot be reached or started'],
  [EXIT.output, 'the output cannot be written'],
  [EXIT.interrupted, 'interrupted by Ctrl-C (SIGINT)'],
  [EXIT.terminated, 'ended by SIGTERM'],
];

/** The codes of errors that another command line avoids. */
const USAGE: ReadonlySet<string> = new Set([
  'BACKUP_DAMAGED',
  'BACKUP_EXISTS',
  'BACKUP_FORMAT',
  'BACKUP_KEY_MISSING',
  'BACKUP_MISSING',
  'CONFIG_INVALID',
  'HANDSHAKE_REJECTED',
  'INVALID_OPTION',
  'INVALID_PATTERN',
  'INVALID_PAYLOAD',
  'LOG_FOLDER',
  'NO_CLUSTER',
  'PAYLOAD_TOO_LARGE',
  'PROCESSOR_FILE',
  'TRACE_INVALID',
  'UNKNOWN_OPTION',
  'USAGE',
]);

const UNREACHABLE: ReadonlySet<string> = new Set([
  'CLUSTER_CLOSED',
  'CLUSTER_REPLACED',
  'DEADLINE',
  'ENDPOINTS_UNREACHABLE',
  'HOST_LOST',
  'HOST_SILENT',
  'NO_LEADER',
  'NO_NODES_RUNNING',
  'QUORUM_LOST',
  'VERSION_UNSUPPORTED',
]);
/** Of a node's file or thread: the nodes cannot run. */
const UNREACHABLE_PREFIXES = ['NODE_', 'STORAGE_'];

export function exitCodeOf({ code }: JobraftError): number {
  if (USAGE.has(code)) return EXIT.usage;
  if (UNREACHABLE.has(code) || UNREACHABLE_PREFIXES.some((prefix) => code.startsWith(prefix))) return EXIT.unreachable;
  return EXIT.rejected;
}

/** The command line is invalid. Nothing was sent. */
export class UsageError extends JobraftError {
  override readonly code = 'USAGE';
}
