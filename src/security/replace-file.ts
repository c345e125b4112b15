import { chmodSync, closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export const PRIVATE = 0o600;
export const PUBLIC = 0o644;

/** Replaces a file as a whole: a reader has the old text or the new one, also after a power cut. */
export function replaceFile(path: string, text: string, mode: number): void {
  const partial = `${path}.partial`;
  const file = openSync(partial, 'w', mode);
  try {
    // One that an interrupted command left keeps its mode.
    chmodSync(partial, mode);
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(partial, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
