import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { storageErrorOf } from './sqlite-errors.ts';

/** Makes the directory, and makes sure that it is still there after a power cut. @throws {StorageError} */
export function makeDataDirectory(file: string): void {
  const directory = dirname(resolve(file));
  try {
    const firstMade = mkdirSync(directory, { recursive: true });
    if (firstMade === undefined) return;
    for (let made = directory; made.length >= firstMade.length; made = dirname(made)) syncDirectory(dirname(made));
  } catch (error) {
    throw storageErrorOf(error, file, 'make the data directory');
  }
}

/** Makes names that were made, changed or removed in it survive a power cut. */
export function syncDirectory(directory: string): void {
  // Windows knows no such thing: it neither opens directories nor needs them synced.
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
