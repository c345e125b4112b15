import { InvariantViolation } from '../base/invariant.ts';
import { StorageError, type StorageErrorCode } from './errors.ts';

/** Damage is never repaired in place: a Raft node gets all acknowledged data back from its peers. */
export const REBUILD_REMEDY =
  'While a majority of nodes is sound, the node moves it aside and is rebuilt from its peers automatically; `repair` does so on request.';

/** A row that is missing, or whose value does not match its checksum. */
export function damaged(file: string, what: string, cause?: unknown): StorageError {
  return new StorageError('STORAGE_DAMAGED', `${file} is damaged: ${what}. ${REBUILD_REMEDY}`, { cause });
}

/**
 * The error for a failed call of SQLite or of the file system, with its remedy.
 * @param doing the operation, as it follows "could not": "write a turn's changes".
 */
export function storageErrorOf(error: unknown, file: string, doing: string): StorageError | InvariantViolation {
  if (error instanceof StorageError || error instanceof InvariantViolation) return error;
  const failure = `Could not ${doing} (${file}): ${error instanceof Error ? error.message : String(error)}.`;
  const { code, remedy } = diagnose(codeOf(error));
  return new StorageError(code, `${failure} ${remedy}`, { cause: error });
}

/** The code of an error of SQLite or of the file system; empty for any other. */
export function codeOf(error: unknown): string {
  // Errors of SQLite and of the file system have the same property. This module needs none of their classes, and so not the package.
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}

/** Errors of the file system for a path that cannot be used. */
const PATH_CODES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOENT', 'ELOOP', 'ENAMETOOLONG']);

function diagnose(code: string): { readonly code: StorageErrorCode; readonly remedy: string } {
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') {
    return { code: 'STORAGE_FULL', remedy: 'Free space on the disk, then start the node again; nothing that was acknowledged is lost.' };
  }
  // No value that is too big is ever stored; a damaged length may be.
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_TOOBIG' || code.startsWith('SQLITE_CORRUPT'))
    return { code: 'STORAGE_DAMAGED', remedy: REBUILD_REMEDY };
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return { code: 'STORAGE_IN_USE', remedy: 'Another program holds a lock on the file: close it, then start the node again.' };
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY') || PATH_CODES.has(code)) {
    return {
      code: 'STORAGE_FAILED',
      remedy: 'Check that the directory exists, that nothing else has this name, and that this user may write in it.',
    };
  }
  return { code: 'STORAGE_FAILED', remedy: 'Check the disk and the permissions of the directory, then start the node again.' };
}
