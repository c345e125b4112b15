import { JobraftError } from '../base/errors.ts';

export type BackupErrorCode =
  /** The file cannot be written, or the cluster changed meanwhile. */
  | 'BACKUP_FAILED'
  /** The file is not a complete, unchanged backup. */
  | 'BACKUP_DAMAGED'
  /** The file was written by a later release. */
  | 'BACKUP_FORMAT'
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

/** A failed call of the file system. */
export function backupFailed(doing: string, cause: unknown): BackupError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new BackupError('BACKUP_FAILED', `${doing} failed (${reason}). Nothing is left of it: remove the cause, and try again.`, {
    cause,
  });
}
