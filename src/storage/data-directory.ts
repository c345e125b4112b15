import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { syncDirectory } from '../files/sync-directory.ts';
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
