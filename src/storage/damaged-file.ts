import { existsSync, renameSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { syncDirectory } from '../files/sync-directory.ts';
import { openFileLock } from './file-lock.ts';
import { segmentNumbers, segmentPath } from './segment-files.ts';
import { storageErrorOf } from './sqlite-errors.ts';

/**
 * Moves a damaged file aside, so that a new one can be created in its place; nothing is deleted. The new file is a new disk with its own
 * id, so that a node that lost its votes does not vote with it before it is rebuilt.
 * @param file the node's file; its storage must be closed.
 * @returns the new path: `<file>.damaged-<ISO time>`, and beside it its `-wal`, `-shm` and `-segment-<n>`.
 * @throws {StorageError} STORAGE_IN_USE while a node has it open, STORAGE_FAILED when it cannot be moved.
 */
export function moveDamagedAside(file: string): string {
  const lock = openFileLock(file);
  try {
    const aside = freeName(file);
    // The segments are moved first: a new file would use those of the old one again, and the old one without them counts as damaged. Then the
    // database is moved. A stop after that leaves a log without a database, which SQLite never applies to a new one; the other order would
    // leave a valid database that lacks its last transactions.
    for (const number of segmentNumbers(file)) renameSync(segmentPath(file, number), segmentPath(aside, number));
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
    syncDirectory(dirname(resolve(file)));
    return aside;
  } catch (error) {
    throw storageErrorOf(error, file, 'move the damaged file aside');
  } finally {
    lock[Symbol.dispose]();
  }
}

/** Not every file system allows a colon in a name. */
function freeName(file: string): string {
  const name = `${file}.damaged-${new Date().toISOString().replaceAll(':', '-')}`;
  let free = name;
  for (let copy = 2; existsSync(free) || existsSync(`${free}-wal`) || segmentNumbers(free).length > 0; copy += 1) free = `${name}-${copy}`;
  return free;
}
