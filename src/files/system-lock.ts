import type { Database } from 'better-sqlite3';
import { openSqlite } from './sqlite.ts';

/**
 * A lock of one holder, across processes and across the threads of one process: an exclusive transaction that never ends, on an empty
 * database. The operating system drops it when the process ends for any reason, so there is no stale lock to clean up; and SQLite itself
 * distinguishes two connections of one process, which a bare POSIX lock does not. No other code of the process may open and close the lock
 * file, since POSIX then drops the lock.
 * @param lockFile made if it is missing; it stays when the lock is disposed.
 * @returns undefined while another one holds the lock. @throws the error of SQLite for a file that cannot be locked.
 */
export function trySystemLock(lockFile: string): Disposable | undefined {
  let db: Database | undefined;
  try {
    db = openSqlite(lockFile, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  const held = db;
  return { [Symbol.dispose]: () => held.close() };
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_BUSY');
