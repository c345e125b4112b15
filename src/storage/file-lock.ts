import type { Database } from 'better-sqlite3';
import { StorageError } from './errors.ts';
import { openSqlite } from './sqlite.ts';
import { codeOf, storageErrorOf } from './sqlite-errors.ts';

/** What to do about a folder of threads that another process has. */
export const SHARE =
  'Several processes share a cluster when all of them open it with openCluster(); one that startCluster() started belongs to its process alone: ' +
  'close it first. A cluster in another folder does not share its jobs.';

/**
 * Restricts a data file to one node, across processes and across the threads of one process. The lock is an exclusive transaction that
 * never ends, on an empty database beside the file: the operating system drops it when the process ends for any reason, so there is no
 * stale lock to clean up; and SQLite itself distinguishes two connections of one process, which a bare POSIX lock does not. The data file's
 * own locks cannot be used: they would also exclude the checkpoint reader. No other code of the process may open and close the lock file,
 * since POSIX then drops the lock.
 * @param inUse the error's message when another one holds the lock: the resource, its user, and what to do.
 * @throws {StorageError} STORAGE_IN_USE when another one holds it.
 */
export function openFileLock(
  file: string,
  inUse = `${file} is in use by another node, of this process or of another one. ${SHARE}`,
): Disposable {
  const lockFile = `${file}.lock`;
  let db: Database | undefined;
  try {
    db = openSqlite(lockFile, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (codeOf(error).startsWith('SQLITE_BUSY')) {
      throw new StorageError('STORAGE_IN_USE', inUse, { cause: error, outcome: 'not-applied' });
    }
    throw storageErrorOf(error, lockFile, 'lock the data file');
  }
  const held = db;
  return { [Symbol.dispose]: () => held.close() };
}
