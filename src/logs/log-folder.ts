import { mkdirSync } from 'node:fs';
import { LogFileError } from './log-file-error.ts';

/** Creates the folder of the nodes' logs, unless it exists. @throws {LogFileError} */
export function makeLogFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw LogFileError.of(folder, error);
  }
}
