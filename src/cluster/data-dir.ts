import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { StorageError } from '../storage/errors.ts';

const MEMBERS_FILE = 'cluster.json';

export const nodeFile = (dataDir: string, node: number): string => join(dataDir, `node-${node}`, 'jobraft.db');

/**
 * Prepares the folder of an embedded cluster. Its node ids are fixed at the first start: with another set of voters two
 * majorities need not meet, and an acknowledged job could be lost.
 * @throws {ConfigError} when the folder belongs to a cluster of other nodes. @throws {StorageError} when it cannot be written.
 */
export function prepareDataDir(dataDir: string, nodes: readonly number[]): void {
  try {
    for (const node of nodes) mkdirSync(join(dataDir, `node-${node}`), { recursive: true });
  } catch (cause) {
    throw unwritable(dataDir, cause);
  }
  const members = readMembers(dataDir);
  if (members === undefined) {
    try {
      writeFileSync(join(dataDir, MEMBERS_FILE), `${JSON.stringify({ nodes })}\n`);
    } catch (cause) {
      throw unwritable(dataDir, cause);
    }
  } else if ([...members].sort().join() !== [...nodes].sort().join()) {
    throw new ConfigError(
      'nodes',
      nodes,
      `The folder ${dataDir} belongs to a cluster of the nodes ${members.join(', ')}. Start those, or name another dataDir.`,
    );
  }
}

function readMembers(dataDir: string): readonly number[] | undefined {
  const file = join(dataDir, MEMBERS_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const stored: unknown = JSON.parse(text);
    const nodes: unknown = typeof stored === 'object' && stored !== null && 'nodes' in stored ? stored.nodes : undefined;
    if (Array.isArray(nodes) && nodes.every((node): node is number => typeof node === 'number')) return nodes;
  } catch {
    // Said below, with the remedy.
  }
  throw new StorageError(
    'STORAGE_DAMAGED',
    `The file ${file} does not name the cluster's nodes. Write {"nodes":[1,2,3]} with the ids that the folder has sub-folders for.`,
  );
}

function unwritable(dataDir: string, cause: unknown): StorageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(
    'STORAGE_FAILED',
    `The data folder ${dataDir} cannot be written (${reason}). Name a folder that this user may write.`,
    { cause },
  );
}
