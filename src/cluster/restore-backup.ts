import { resolve } from 'node:path';
import type { z } from 'zod';
import { BackupFile } from '../backup/backup-file.ts';
import { checkFreeFolder, createFolder } from '../backup/new-folder.ts';
import { openRestored, writeRestored } from '../backup/restored-state.ts';
import { CLUSTER_SHAPE, groupOf } from '../config/cluster-config.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { type EncryptionOptions, readKeys } from '../encryption/read-keys.ts';
import type { FileStorage } from '../storage/sqlite-storage.ts';
import { parseSettings } from './cluster-arguments.ts';
import { ClusterManifest } from './cluster-manifest.ts';
import { nodeFile } from './node-file.ts';

export interface RestoreOptions {
  /** The file that `cluster.backup()` wrote. */
  readonly file: string;
  /** The folder of the new cluster: it must not exist, or be empty. */
  readonly dataDir: string;
  /** Number of nodes, or their ids, of the new cluster. Default: 3. */
  readonly nodes?: number | readonly number[];
  /** The keys of an encrypted backup; the new cluster is encrypted with the first one, also if the backup is not. Default: none. */
  readonly encryption?: EncryptionOptions;
}

/** A new cluster that was made from a backup. */
export interface RestoredCluster {
  readonly dataDir: string;
  readonly nodes: readonly number[];
  /** It has the log's entries up to this one. */
  readonly index: number;
}

const SCHEMA = groupOf(
  {
    file: CLUSTER_SHAPE.dataDir,
    dataDir: CLUSTER_SHAPE.dataDir,
    nodes: CLUSTER_SHAPE.nodes.default(3),
    encryption: CLUSTER_SHAPE.encryption,
  } satisfies Record<keyof RestoreOptions, z.ZodType>,
  "Give { file: './jobs.backup', dataDir: './restored' }.",
);

/**
 * Makes a new cluster from a backup, with an id and disks of its own: no file of the old cluster can join it. It is not started. The folder
 * appears under its name once everything is on disk.
 * @throws {BackupError | StorageError | ConfigError} nothing is left then.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoredCluster> {
  const { file, dataDir, nodes, encryption } = parseSettings(SCHEMA, options, 'options');
  const keys = readKeys(encryption);
  const ids = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, position) => position + 1) : nodes;
  const target = resolve(dataDir);
  // Before the whole backup is read.
  checkFreeFolder(target);
  await using backup = await BackupFile.open(resolve(file), keys);
  await createFolder(target, async (folder) => await writeNodes(folder, ids, backup, keys));
  return { dataDir: target, nodes: ids, index: backup.header.index };
}

async function writeNodes(folder: string, ids: readonly number[], backup: BackupFile, keys: EncryptionKeys | undefined): Promise<void> {
  using manifest = ClusterManifest.open(folder, ids);
  const storages: FileStorage[] = [];
  try {
    for (const node of ids) storages.push(openRestored(nodeFile(folder, node), manifest.newDiskIdOf(node), manifest.origin, keys));
    await writeRestored(backup, manifest.founders, storages);
  } finally {
    for (const storage of storages) storage[Symbol.dispose]();
  }
  manifest.onFilesCreated(ids);
}
