import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { storageErrorOf } from './sqlite-errors.ts';

/** Creates the directory, and ensures that it exists after a power cut. @throws {StorageError} */
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

/** Ensures that created, changed and removed names in the directory survive a power cut. */
export function syncDirectory(directory: string): void {
  // Windows neither opens directories nor needs them synced.
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
