import { join } from 'node:path';
import { invariant } from '../base/invariant.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { isUpToDate } from '../raft/entry.ts';
import { membersOf } from '../raft/quorum.ts';
import { StorageError } from '../storage/errors.ts';
import type { ClusterOrigin } from '../storage/row-codec.ts';
import { nodesWithFile } from './node-file.ts';
import { type ReadSurvey, readSurveys, surveyNodes } from './node-surveys.ts';

/** A cluster, as its nodes' files describe it. */
export interface RecoveredCluster extends ClusterOrigin {
  readonly nodes: readonly number[];
}

/**
 * Recovers a cluster whose `cluster.json` is lost: each file names the cluster and its founders, and the file whose log is most advanced
 * has the members.
 * @throws {StorageError} when a file cannot be read, was written before the files named their cluster, or is of another cluster.
 */
export function recoverCluster(dataDir: string, keys?: EncryptionKeys): RecoveredCluster {
  const surveys = surveyNodes(dataDir, nodesWithFile(dataDir), keys);
  for (const survey of surveys) {
    if (survey.state !== 'unreadable') continue;
    if (survey.error.code === 'STORAGE_DAMAGED') throw lost(dataDir, survey.error.message);
    throw survey.error;
  }
  const files = readSurveys(surveys);
  const unnamed = files.find(({ found }) => found.origin.cluster === 0);
  if (unnamed !== undefined)
    throw lost(dataDir, `${unnamed.file} was written by a version of jobraft whose files did not name their cluster`);
  const [first] = files;
  if (first === undefined) throw lost(dataDir, 'they are empty');
  const other = files.find(({ found }) => found.origin.cluster !== first.found.origin.cluster);
  if (other !== undefined) throw lost(dataDir, `${first.file} and ${other.file} belong to different clusters`, 'STORAGE_FOREIGN');
  const members = latestMembers(files);
  const present = members.filter((member) => files.some(({ node }) => node === member));
  // Fewer may lack the latest change of members.
  if (present.length * 2 <= members.length) {
    throw lost(dataDir, `of the nodes ${members.join(', ')} only ${present.join(', ')} have a file, which is no majority`);
  }
  const { cluster, founders } = first.found.origin;
  return { cluster, founders, nodes: members };
}

/** The members by the file whose log is most advanced, ascending. */
export function latestMembers(files: readonly ReadSurvey[]): readonly number[] {
  const { configuration, origin } = mostAdvanced(files).found;
  const members: readonly number[] = configuration === undefined ? origin.founders.map(({ node }) => node) : membersOf(configuration);
  return members.toSorted((one, other) => one - other);
}

export function mostAdvanced(files: readonly ReadSurvey[]): ReadSurvey {
  const [first] = files;
  invariant(first !== undefined, () => 'no node has a file that was read');
  return files.reduce((best, each) => (isUpToDate(best.found.last, each.found.last) ? best : each), first);
}

function lost(dataDir: string, problem: string, code: 'STORAGE_DAMAGED' | 'STORAGE_FOREIGN' = 'STORAGE_DAMAGED'): StorageError {
  return new StorageError(
    code,
    `The file ${join(dataDir, 'cluster.json')} is missing although nodes' files are there, and cannot be rebuilt from them: ${problem}. Nothing ` +
      'was changed. Restore cluster.json from a backup of this cluster, or repair that file, or name another dataDir for a new cluster.',
    { outcome: 'not-applied' },
  );
}
