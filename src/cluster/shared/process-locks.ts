import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeDataDirectory } from '../../storage/data-directory.ts';
import { StorageError } from '../../storage/errors.ts';
import { openFileLock } from '../../storage/file-lock.ts';
import { processFolder } from './shared-folder.ts';

/** A lock file gets its name within milliseconds of its creation. */
const UNNAMED_MS_MAX = 60_000;

/** The lock of a living process. */
export interface ProcessLock extends Disposable {
  /** The process holds no leases: its file is removed with the lock. */
  forget(): void;
}

/**
 * Each process that uses a shared cluster locks a file named after the id under which it holds leases. The operating system drops the lock
 * when the process ends, however it ends, also in another container; a process that is merely blocked or stopped keeps it. The file stays:
 * by it the host sees that the process has ended, and releases its leases.
 * @throws {StorageError}
 */
export function lockProcess(dataDir: string, holder: number): ProcessLock {
  const file = processFile(dataDir, holder);
  makeDataDirectory(file);
  // Its name appears with the lock: a host that looks for processes that have ended would take a file without a lock for one.
  const lock = openFileLock(unnamed(file));
  renameSync(`${unnamed(file)}.lock`, `${file}.lock`);
  const dispose = (): void => lock[Symbol.dispose]();
  return {
    // The file first: once the lock is dropped, a host takes it for that of a process that was killed.
    forget: () => {
      removeFiles(file);
      dispose();
    },
    [Symbol.dispose]: dispose,
  };
}

/** The ids of processes that have ended, and whose leases may not be released yet. */
export function endedProcesses(dataDir: string): number[] {
  return holdersIn(dataDir).filter((holder) => isFree(processFile(dataDir, holder)));
}

/** The leases of the process are released. */
export function forgetProcess(dataDir: string, holder: number): void {
  removeFiles(processFile(dataDir, holder));
}

/**
 * Removes what processes left that were killed while they made or removed their lock file: for the host, which has the folder's lock. A file
 * whose lock a process has, or may be about to take, stays.
 */
export function removeLeftovers(dataDir: string): void {
  const names = namesIn(dataDir);
  for (const holder of new Set(names.flatMap((name) => /^([1-9][0-9]*)(?:-new)?\.lock(?:-journal)?$/.exec(name)?.[1] ?? []))) {
    const file = processFile(dataDir, Number(holder));
    // In this order: its process renames it.
    const isUnnamed = existsSync(`${unnamed(file)}.lock`);
    if (existsSync(`${file}.lock`)) continue;
    if (!isUnnamed || (isOld(`${unnamed(file)}.lock`) && isFree(unnamed(file)))) removeFiles(file);
  }
}

function removeFiles(file: string): void {
  for (const name of [file, unnamed(file)]) for (const suffix of ['.lock', '.lock-journal']) rmSync(`${name}${suffix}`, { force: true });
}

function isOld(path: string): boolean {
  const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return mtimeMs !== undefined && Date.now() - mtimeMs > UNNAMED_MS_MAX;
}

/** SQLite's journal keeps this name. */
const unnamed = (file: string): string => `${file}-new`;
const processFile = (dataDir: string, holder: number): string => join(processFolder(dataDir), String(holder));

function holdersIn(dataDir: string): number[] {
  return namesIn(dataDir)
    .flatMap((name) => /^([1-9][0-9]*)\.lock$/.exec(name)?.[1] ?? [])
    .map(Number);
}

function namesIn(dataDir: string): string[] {
  try {
    return readdirSync(processFolder(dataDir));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Whether no process has the lock of the file. */
function isFree(file: string): boolean {
  try {
    openFileLock(file)[Symbol.dispose]();
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.code === 'STORAGE_IN_USE') return false;
    throw error;
  }
}
