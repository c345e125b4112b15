import { chmodSync, closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectory } from './sync-directory.ts';

export const PRIVATE = 0o600;
export const PUBLIC = 0o644;

/**
 * Replaces a file as a whole: a reader has the old text or the new one, also after a power cut.
 * @param mode of the new file. Undefined: that of any file that this process makes.
 * @throws the error of the file system. The file is unchanged then, unless only the folder could not be synced.
 */
export function replaceFile(path: string, text: string, mode?: number): void {
  const unfinished = `${path}.new`;
  const file = openSync(unfinished, 'w', mode);
  try {
    // One that an interrupted process left keeps its mode.
    if (mode !== undefined) chmodSync(unfinished, mode);
    // Not writeSync(): on a full disk that may write a part, and report no error.
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  // Without this a power cut may restore the former file.
  syncDirectory(dirname(path));
}
