import { join } from 'node:path';
import { invariant } from '../base/invariant.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { type EntryId, isUpToDate } from '../raft/entry.ts';
import { StorageError } from '../storage/errors.ts';
import type { ClusterOrigin } from '../storage/row-codec.ts';
import { openSqliteStorage } from '../storage/sqlite-storage.ts';
import { storedMembers } from '../storage/stored-members.ts';
import { nodeFile, nodesWithFile } from './node-file.ts';

/** A cluster, as its nodes' files describe it. */
export interface RecoveredCluster extends ClusterOrigin {
  readonly nodes: readonly number[];
}

interface FoundFile {
  readonly node: number;
  readonly file: string;
  readonly origin: ClusterOrigin;
  /** The last entry of its log. */
  readonly last: EntryId;
  /** The members by its latest configuration. */
  readonly members: readonly number[];
}

/**
 * What is needed to start a cluster whose `cluster.json` is gone: each file names the cluster and its founders, and the file whose log
 * is most advanced knows the members.
 * @throws {StorageError} when a file cannot be read, was written before the files named their cluster, or is of another cluster.
 */
export function recoverCluster(dataDir: string): RecoveredCluster {
  const files = nodesWithFile(dataDir).map((node) => readFile(dataDir, node));
  const [first] = files;
  invariant(first !== undefined, () => `no node has a file in ${dataDir}`);
  const unnamed = files.find(({ origin }) => origin.cluster === 0);
  if (unnamed !== undefined)
    throw lost(dataDir, `${unnamed.file} was written by a version of jobraft whose files did not name their cluster`);
  const other = files.find(({ origin }) => origin.cluster !== first.origin.cluster);
  if (other !== undefined) throw lost(dataDir, `${first.file} and ${other.file} belong to different clusters`, 'STORAGE_FOREIGN');
  const latest = files.reduce((best, each) => (isUpToDate(best.last, each.last) ? best : each));
  const { members } = latest;
  const found = members.filter((member) => files.some(({ node }) => node === member));
  // Fewer may not know of the latest change of members.
  if (found.length * 2 <= members.length) {
    throw lost(dataDir, `of the nodes ${members.join(', ')} only ${found.join(', ')} have a file, which is no majority`);
  }
  return { ...first.origin, nodes: members };
}

function readFile(dataDir: string, node: number): FoundFile {
  const file = nodeFile(dataDir, node);
  try {
    using storage = openSqliteStorage({
      file,
      recordKinds: RECORD_KINDS,
      entryKind: RECORD_KINDS[RecordKind.entry],
      durability: 'full',
      newDiskId: 0,
    });
    const { origin } = storage.identity;
    const state = storage.load();
    const members = storedMembers(state) ?? origin.founders.map((founder) => founder.node);
    return { node, file, origin, last: state.entries.at(-1) ?? state.compacted, members };
  } catch (error) {
    if (error instanceof StorageError && error.code === 'STORAGE_DAMAGED') throw lost(dataDir, error.message);
    throw error;
  }
}

function lost(dataDir: string, problem: string, code: 'STORAGE_DAMAGED' | 'STORAGE_FOREIGN' = 'STORAGE_DAMAGED'): StorageError {
  return new StorageError(
    code,
    `The file ${join(dataDir, 'cluster.json')} is missing although nodes' files are there, and cannot be rebuilt from them: ${problem}. Nothing ` +
      'was changed. Restore cluster.json from a backup of this cluster, or repair that file, or name another dataDir for a new cluster.',
    { outcome: 'not-applied' },
  );
}
