import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { JobraftError } from '../base/errors.ts';
import { syncDirectory } from '../storage/data-directory.ts';
import { StorageError } from '../storage/errors.ts';
import { BackupError, backupFailed } from './backup-error.ts';

/**
 * Makes a folder, which appears under its name once everything in it is on disk.
 * @param target an absolute path. @param write writes what it is to have, to a folder beside it.
 * @throws {BackupError} BACKUP_EXISTS where there is something, or BACKUP_FAILED. Nothing is left then.
 */
export async function createFolder(target: string, write: (folder: string) => Promise<void>): Promise<void> {
  checkFreeFolder(target);
  let folder: string | undefined;
  try {
    mkdirSync(dirname(target), { recursive: true });
    folder = mkdtempSync(join(dirname(target), `${basename(target)}.restoring-`));
    await write(folder);
    checkFreeFolder(target);
    renameSync(folder, target);
    syncDirectory(dirname(target));
  } catch (error) {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    // Its remedy is that of a node that runs.
    if (error instanceof StorageError) throw backupFailed(`Restoring to ${target}`, error.cause ?? error);
    throw error instanceof JobraftError ? error : backupFailed(`Restoring to ${target}`, error);
  }
}

/** @throws {BackupError} BACKUP_EXISTS */
export function checkFreeFolder(target: string): void {
  if (!existsSync(target)) return;
  let names: readonly string[] | undefined;
  try {
    names = readdirSync(target);
  } catch {
    // It is no folder.
  }
  if (names?.length === 0) return;
  throw new BackupError(
    'BACKUP_EXISTS',
    `${target} exists, and a restore overwrites nothing. Name a folder that does not exist, or is empty.`,
  );
}
