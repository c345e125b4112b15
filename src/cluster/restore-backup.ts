import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { JobraftError } from '../base/errors.ts';
import { asDiskId, asIndex, asNodeId, asTerm } from '../base/ids.ts';
import { CLUSTER_SHAPE, groupOf } from '../config/cluster-config.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { type EncryptionOptions, readKeys } from '../encryption/read-keys.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { type Configuration, configurationOf, EMPTY_BYTES, type Entry } from '../raft/entry.ts';
import { syncDirectory } from '../storage/data-directory.ts';
import type { SnapshotRecord } from '../storage/port.ts';
import { type FileStorage, openSqliteStorage } from '../storage/sqlite-storage.ts';
import { BackupError, backupFailed } from './backup-error.ts';
import { BackupFile, type BackupHeader } from './backup-file.ts';
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
  checkFree(target);
  await using backup = await BackupFile.open(resolve(file), keys);
  let folder: string | undefined;
  try {
    mkdirSync(dirname(target), { recursive: true });
    folder = mkdtempSync(join(dirname(target), `${basename(target)}.restoring-`));
    await writeNodes(folder, ids, backup, keys);
    checkFree(target);
    renameSync(folder, target);
    syncDirectory(dirname(target));
    return { dataDir: target, nodes: ids, index: backup.header.index };
  } catch (error) {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    throw error instanceof JobraftError ? error : backupFailed(`Restoring ${file} to ${target}`, error);
  }
}

async function writeNodes(folder: string, ids: readonly number[], backup: BackupFile, keys: EncryptionKeys | undefined): Promise<void> {
  using manifest = ClusterManifest.open(folder, ids);
  const storages: FileStorage[] = [];
  try {
    for (const node of ids) storages.push(openNewFile(nodeFile(folder, node), node, manifest, keys));
    await writeParts(backup, manifest, storages);
  } finally {
    for (const storage of storages) storage[Symbol.dispose]();
  }
  manifest.onFilesCreated(ids);
}

const openNewFile = (file: string, node: number, manifest: ClusterManifest, keys: EncryptionKeys | undefined): FileStorage =>
  openSqliteStorage({
    file,
    keys,
    recordKinds: RECORD_KINDS,
    entryKind: RECORD_KINDS[RecordKind.entry],
    durability: 'full',
    newDiskId: manifest.newDiskIdOf(node),
    origin: manifest.origin,
  });

async function writeParts(backup: BackupFile, { founders }: ClusterManifest, storages: readonly FileStorage[]): Promise<void> {
  const configuration = configurationOf({
    voters: founders.map(({ node }) => asNodeId(node)),
    disks: founders.map(({ node, disk }) => ({ node: asNodeId(node), disk: asDiskId(disk) })),
  });
  const restored = new RestoredState(backup.header, configuration, storages);
  for await (const part of backup.parts()) {
    if (part.type === 'records') restored.stage(part.records);
    else restored.append(part.entries);
  }
  restored.end();
}

/** The same state in the files of all nodes. */
class RestoredState {
  readonly #header: BackupHeader;
  readonly #configuration: Configuration;
  readonly #storages: readonly FileStorage[];
  /** The numbers of the record kinds in this release, by those in the file. */
  readonly #kinds: readonly number[];
  #chunk = 0;
  #isInstalled = false;

  constructor(header: BackupHeader, configuration: Configuration, storages: readonly FileStorage[]) {
    this.#header = header;
    this.#configuration = configuration;
    this.#storages = storages;
    const kinds: readonly string[] = RECORD_KINDS;
    this.#kinds = header.recordKinds.map((kind) => kinds.indexOf(kind));
    const unknown = header.recordKinds.find((_, at) => this.#kinds[at] === -1);
    if (unknown !== undefined)
      throw new BackupError(
        'BACKUP_FORMAT',
        `The backup has records of the kind "${unknown}", which this release does not know. Use a later one.`,
      );
  }

  stage(records: readonly SnapshotRecord[]): void {
    const known = records.map((record) => ({ ...record, kind: this.#kinds[record.kind] ?? -1 }));
    for (const storage of this.#storages) storage.stageSnapshot(this.#chunk, known);
    this.#chunk += 1;
  }

  append(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    this.#install();
    // The members of the old cluster have no place in the new one.
    const kept = entries.map((entry): Entry => (entry.kind === 'configuration' ? { ...entry, kind: 'noop', data: EMPTY_BYTES } : entry));
    for (const storage of this.#storages) storage.persist({ hardState: this.#hardState, append: { from: first.index, entries: kept } });
  }

  end(): void {
    this.#install();
    for (const storage of this.#storages) storage.persist({ hardState: this.#hardState });
  }

  get #hardState() {
    return { term: asTerm(this.#header.term), votedFor: undefined };
  }

  #install(): void {
    const { checkpoint } = this.#header;
    if (checkpoint === null || this.#isInstalled) return;
    this.#isInstalled = true;
    // A checkpoint without records.
    if (this.#chunk === 0) this.stage([]);
    const snapshot = { index: asIndex(checkpoint.index), term: asTerm(checkpoint.term), configuration: this.#configuration };
    for (const storage of this.#storages) storage.installSnapshot(snapshot, this.#hardState);
  }
}

function checkFree(target: string): void {
  if (!existsSync(target)) return;
  let names: readonly string[] | undefined;
  try {
    names = readdirSync(target);
  } catch {
    // It is no folder.
  }
  if (names?.length === 0) return;
  throw new BackupError(
    'BACKUP_EXISTS',
    `${target} exists, and a restore overwrites nothing. Name a folder that does not exist, or is empty.`,
  );
}
