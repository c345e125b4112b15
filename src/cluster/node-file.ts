import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '../storage/errors.ts';

export const nodeFile = (dataDir: string, node: number): string => join(dataDir, `node-${node}`, 'jobraft.db');

/** The nodes that have a file in the folder; none where the folder does not exist. @throws {StorageError} when it cannot be read. */
export function nodesWithFile(dataDir: string): number[] {
  const ids = namesIn(dataDir).flatMap((name) => /^node-([1-9][0-9]*)$/.exec(name)?.[1] ?? []);
  return ids.map(Number).filter((node) => statSync(nodeFile(dataDir, node), { throwIfNoEntry: false })?.isFile() === true);
}

/**
 * Nodes that run as processes have a file that says so in their folders: threads of one process must not open these, where they would vote beside
 * the processes. @throws {StorageError} STORAGE_FOREIGN
 */
export function checkNotServed(dataDir: string): void {
  const served = nodesWithFile(dataDir).find((node) => existsSync(join(dataDir, `node-${node}`, 'node.json')));
  if (served === undefined) return;
  throw new StorageError(
    'STORAGE_FOREIGN',
    `The folder ${dataDir} has folders of nodes that run as processes (${join(dataDir, `node-${served}`)}). Start them with "jobraft serve", and use their endpoints; or name another dataDir.`,
    { outcome: 'not-applied' },
  );
}

function namesIn(dataDir: string): string[] {
  try {
    return readdirSync(dataDir);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    // A file in the folder's place is reported when the folder is created.
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new StorageError(
      'STORAGE_FAILED',
      `The data folder ${dataDir} cannot be read (${cause instanceof Error ? cause.message : String(cause)}). Let this user read it, or name another dataDir.`,
      { cause, outcome: 'not-applied' },
    );
  }
}
