import { randomInt } from 'node:crypto';
import { join, resolve } from 'node:path';
import { BackupFile } from '../backup/backup-file.ts';
import { checkFreeFolder, createFolder } from '../backup/new-folder.ts';
import { openRestored, writeRestored } from '../backup/restored-state.ts';
import { parseSettings } from '../cluster/cluster-arguments.ts';
import { CLUSTER_SHAPE } from '../config/cluster-config.ts';
import { type NodeOptions, nodeSchema } from '../config/node-config.ts';
import { readKeys } from '../encryption/read-keys.ts';
import { NodeIdentity } from './node-identity.ts';
import { FILE } from './node-server.ts';

const ID_MAX = 2 ** 47;

/** A node that was made from a backup: the only voter of a new cluster. */
export interface RestoredNode {
  readonly node: number;
  readonly dataDir: string;
  /** The id of the new cluster. */
  readonly cluster: number;
  /** It has the log's entries up to this one. */
  readonly index: number;
}

/**
 * Makes the folder of a node from a backup, as a new cluster with an id and a disk of its own, and with this node as the only voter. It is not started:
 * start it as usual, and then the others with empty folders and `join`. No node of the old cluster can join the new one with its folder.
 * @param file which `backup` wrote, also of a cluster of threads. @param options with which the node will run; its `dataDir` must not exist, or be empty.
 * @throws {BackupError | StorageError | ConfigError} nothing is left then.
 */
export async function restoreNode(file: string, options: NodeOptions): Promise<RestoredNode> {
  const path = parseSettings(CLUSTER_SHAPE.dataDir, file, 'file');
  const { id, cluster: name, dataDir, encryption } = parseSettings(nodeSchema, options, 'options');
  const keys = readKeys(encryption);
  const target = resolve(dataDir);
  // Before the whole backup is read.
  checkFreeFolder(target);
  await using backup = await BackupFile.open(resolve(path), keys);
  const cluster = randomInt(1, ID_MAX);
  await createFolder(target, async (folder) => {
    using identity = NodeIdentity.open(folder, name, id);
    const founders = [{ node: id, disk: identity.disk }];
    using storage = openRestored(join(folder, FILE), identity.disk, { cluster, founders }, keys);
    await writeRestored(backup, founders, [storage]);
    identity.onFormed({ cluster, founders });
    identity.onFileMade();
  });
  return { node: id, dataDir, cluster, index: backup.header.index };
}
