import { JobraftError } from '../base/errors.ts';

export type BackupErrorCode =
  /** The file cannot be written, or the cluster changed meanwhile. */
  | 'BACKUP_FAILED'
  /** There is no file of this name. */
  | 'BACKUP_MISSING'
  /** The file is not a complete, unchanged backup. */
  | 'BACKUP_DAMAGED'
  /** The file was written by a later release. */
  | 'BACKUP_FORMAT'
  /** It is encrypted with a key that was not given. */
  | 'BACKUP_KEY_MISSING'
  /** There is something where the backup, or the restored cluster, would be. */
  | 'BACKUP_EXISTS';

/** A backup was not taken, or not restored. Nothing is left of it. */
export class BackupError extends JobraftError {
  override readonly code: BackupErrorCode;

  constructor(code: BackupErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** A failed call of the file system while something was written. */
export const backupFailed = (doing: string, cause: unknown): BackupError =>
  new BackupError('BACKUP_FAILED', `${doing} failed (${reasonOf(cause)}). Nothing is left of it: remove the cause, and try again.`, {
    cause,
  });

/** The same while a backup was read. */
export function unreadable(path: string, cause: unknown): BackupError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR')
    return new BackupError(
      'BACKUP_MISSING',
      `${path} ${code === 'EISDIR' ? 'is a folder' : 'does not exist'}. Name the file that "jobraft backup" or cluster.backup() wrote.`,
      { cause },
    );
  return new BackupError(
    'BACKUP_FAILED',
    `The backup ${path} cannot be read (${reasonOf(cause)}). Let this user read it, or use another copy.`,
    { cause },
  );
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
