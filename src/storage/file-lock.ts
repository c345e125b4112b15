import { trySystemLock } from '../files/system-lock.ts';
import { StorageError } from './errors.ts';
import { storageErrorOf } from './sqlite-errors.ts';

/** What to do about a folder of threads that another process has. */
export const SHARE =
  'Several processes share a cluster when all of them open it with openCluster(); one that startCluster() started belongs to its process alone: ' +
  'close it first. A cluster in another folder does not share its jobs.';

/**
 * Restricts a data file to one node, across processes and across the threads of one process, by a lock file beside it that the operating
 * system unlocks with the process. The data file's own locks cannot be used: they would also exclude the checkpoint reader.
 * @param inUse the error's message when another one holds the lock: the resource, its user, and what to do.
 * @throws {StorageError} STORAGE_IN_USE when another one holds it.
 */
export function openFileLock(
  file: string,
  inUse = `${file} is in use by another node, of this process or of another one. ${SHARE}`,
): Disposable {
  const lock = lockOf(`${file}.lock`);
  if (lock === undefined) throw new StorageError('STORAGE_IN_USE', inUse, { outcome: 'not-applied' });
  return lock;
}

function lockOf(lockFile: string): Disposable | undefined {
  try {
    return trySystemLock(lockFile);
  } catch (error) {
    throw storageErrorOf(error, lockFile, 'lock the data file');
  }
}
