import { asDiskId, asIndex, asNodeId, asTerm } from '../base/ids.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { type Configuration, configurationOf, EMPTY_BYTES, type Entry } from '../raft/entry.ts';
import type { SnapshotRecord } from '../storage/port.ts';
import type { ClusterOrigin } from '../storage/row-codec.ts';
import { type FileStorage, openSqliteStorage } from '../storage/sqlite-storage.ts';
import { BackupError } from './backup-error.ts';
import type { BackupFile, BackupHeader } from './backup-file.ts';

/** A node's file for a restored state. @throws {StorageError} */
export const openRestored = (file: string, newDiskId: number, origin: ClusterOrigin, keys: EncryptionKeys | undefined): FileStorage =>
  openSqliteStorage({
    ...{ file, keys, newDiskId, origin },
    recordKinds: RECORD_KINDS,
    entryKind: RECORD_KINDS[RecordKind.entry],
    durability: 'full',
  });

/**
 * Writes the same state to the files of all nodes.
 * @param founders the voters of the new cluster, with the disks of these files.
 * @throws {BackupError} BACKUP_FORMAT. @throws {StorageError}
 */
export async function writeRestored(
  backup: BackupFile,
  founders: ClusterOrigin['founders'],
  storages: readonly FileStorage[],
): Promise<void> {
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
