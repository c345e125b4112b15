import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { JobraftError } from '../base/errors.ts';
import { syncDirectory } from '../storage/data-directory.ts';
import { BackupError, backupFailed } from './backup-error.ts';
import type { BackupSink } from './backup-file.ts';

/** What a new backup was written to. */
export interface NewBackup<Written> {
  readonly path: string;
  readonly written: Written;
}

/**
 * Writes a new file, readable by this user only, which appears under its name once it is complete and on disk. A process that ends before leaves
 * a file `<name>.<id>.part`.
 * @param write writes the contents to the sink.
 * @throws {BackupError} BACKUP_EXISTS, or BACKUP_FAILED when the file cannot be written. Nothing is left then.
 */
export async function createBackup<Written>(path: string, write: (sink: BackupSink) => Promise<Written>): Promise<NewBackup<Written>> {
  const target = resolve(path);
  checkFree(target);
  if (!existsSync(dirname(target)))
    throw new BackupError('BACKUP_FAILED', `The folder ${dirname(target)} does not exist. Make it, or name a file in another one.`);
  const partial = `${target}.${randomUUID()}.part`;
  try {
    const file = await open(partial, 'wx', 0o600);
    try {
      const written = await write({
        write: async (bytes) => {
          for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
        },
      });
      await file.sync();
      checkFree(target);
      await rename(partial, target);
      syncDirectory(dirname(target));
      return { path: target, written };
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(partial, { force: true });
    throw error instanceof JobraftError ? error : backupFailed(`Writing the backup ${target}`, error);
  }
}

function checkFree(target: string): void {
  if (existsSync(target)) throw new BackupError('BACKUP_EXISTS', `${target} exists, and a backup overwrites nothing. Name another file.`);
}
