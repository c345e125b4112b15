import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LogFileError } from './log-file-error.ts';

/** In place of the folder of the nodes' logs: all nodes of a process write to its standard output. */
export const STANDARD_OUTPUT = '-';

/** Creates the folder of the nodes' logs, unless it exists. @throws {LogFileError} */
export function makeLogFolder(folder: string): void {
  if (folder === STANDARD_OUTPUT) return;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw LogFileError.of(folder, error);
  }
}

/** The file of one node. */
export const logFileOf = (folder: string, node: number): string => (folder === STANDARD_OUTPUT ? folder : join(folder, `node-${node}.log`));

export const absoluteLogFolder = (folder: string): string => (folder === STANDARD_OUTPUT ? folder : resolve(folder));
