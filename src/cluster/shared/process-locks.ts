import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataDirectory } from '../../storage/data-directory.ts';
import { StorageError } from '../../storage/errors.ts';
import { openFileLock } from '../../storage/file-lock.ts';
import { processFolder } from './shared-folder.ts';

/**
 * Each process that uses a shared cluster locks a file named after the id under which it holds leases. The operating system drops the lock
 * when the process ends, however it ends, also in another container; a process that is merely blocked or stopped keeps it. The file stays:
 * by it the host sees that the process has ended, and releases its leases.
 * @throws {StorageError}
 */
export function lockProcess(dataDir: string, holder: number): Disposable {
  const file = processFile(dataDir, holder);
  makeDataDirectory(file);
  // Its name appears with the lock: a host that looks for processes that have ended would take a file without a lock for one.
  const lock = openFileLock(unnamed(file));
  renameSync(`${unnamed(file)}.lock`, `${file}.lock`);
  return lock;
}

/** The ids of processes that have ended, and whose leases may not be released yet. */
export function endedProcesses(dataDir: string): number[] {
  return holdersIn(dataDir).filter((holder) => hasEnded(dataDir, holder));
}

/** The leases of the process are released. */
export function forgetProcess(dataDir: string, holder: number): void {
  const file = processFile(dataDir, holder);
  rmSync(`${file}.lock`, { force: true });
  rmSync(`${unnamed(file)}.lock-journal`, { force: true });
}

/** SQLite's journal keeps this name. */
const unnamed = (file: string): string => `${file}-new`;
const processFile = (dataDir: string, holder: number): string => join(processFolder(dataDir), String(holder));

function holdersIn(dataDir: string): number[] {
  let names: string[];
  try {
    names = readdirSync(processFolder(dataDir));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => /^([1-9][0-9]*)\.lock$/.exec(name)?.[1] ?? []).map(Number);
}

function hasEnded(dataDir: string, holder: number): boolean {
  try {
    openFileLock(processFile(dataDir, holder))[Symbol.dispose]();
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'STORAGE_IN_USE') return false;
    throw error;
  }
}
