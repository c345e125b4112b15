import type { Database } from 'better-sqlite3';
import { ANY_GENERATION } from '../base/generation.ts';
import { ANY_DISK, asIndex, type DiskId, type LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import type { RecordChange } from '../protocol/record.ts';
import { EMPTY_BYTES, type HardState, type SnapshotId } from '../raft/entry.ts';
import { checkBatch, checkInstall, hasLogOnly, idOf, isEmptyBatch, type LogBounds } from './batch-rules.ts';
import { closeWithoutCheckpoint } from './close-without-checkpoint.ts';
import { makeDataDirectory } from './data-directory.ts';
import { DroppedTables } from './dropped-tables.ts';
import { openFileLock } from './file-lock.ts';
import type { FileClaims } from './file-origin.ts';
import { isLarge, LogTable } from './log-table.ts';
import { type MetaState, MetaTable } from './meta-table.ts';
import { OpenReaders } from './open-readers.ts';
import type { CheckpointReader, NodeStorage, PersistBatch, PersistedState, SnapshotRecord } from './port.ts';
import { RecordTable, type StoredRecord } from './record-table.ts';
import { kindTag } from './row-checksum.ts';
import { type ClusterOrigin, type FileIdentity, NO_ORIGIN, withGeneration } from './row-codec.ts';
import { RowSeal } from './row-seal.ts';
import { openDatabase } from './schema.ts';
import { Segments } from './segments.ts';
import { checkOnArrival } from './snapshot-arrival.ts';
import { SnapshotStaging } from './snapshot-staging.ts';
import { storageErrorOf } from './sqlite-errors.ts';
import { markVersion, recordTableName } from './tables.ts';
import { Transactions } from './transactions.ts';
import { checkWal, hasWal } from './wal-check.ts';

export interface SqliteStorageOptions extends FileClaims {
  /** The node's own file; its directory is created when it is missing. Beside it are `-wal`, `-shm` and `.lock`. */
  readonly file: string;
  /** The state machine's record kinds; a record's `kind` is a position in this list. The file identifies kinds by name. */
  readonly recordKinds: readonly string[];
  /**
   * The kind whose records are log entries: the key is an index, the value the entry's data, which is never empty. While the entry is in
   * the log its row is kept, and the data is not written again.
   */
  readonly entryKind?: string;
  /**
   * The values of all rows are encrypted with the first key. A file whose values are not is rewritten first, which takes as long as copying it.
   * Default: a file that is not encrypted; an encrypted one is rejected.
   */
  readonly keys?: EncryptionKeys | undefined;
  /** `full`: an fsync for each persist. `off`: survives a crash of the process, not a power cut. */
  readonly durability: 'full' | 'off';
  /** How large the WAL may grow at first while a checkpoint reader is open, which then expires. Default: 32 MiB. */
  readonly readerWalBytesMax?: number;
  /** How large the file may grow, without its WAL, and so may its segments together; a write beyond it fails with STORAGE_FULL. Default: the disk. */
  readonly fileBytesMax?: number;
  /** The size of a segment. Default: 16 MiB. */
  readonly segmentBytes?: number;
  /** The disk id of a new file: a random safe integer above zero. An existing file keeps its own. */
  readonly newDiskId: number;
  /** Called after each transaction with its duration, the fsync included. Must not throw. */
  readonly onWritten?: (tookMs: number) => void;
}

/** A storage that can also be closed without the writes of a graceful close. */
export interface FileStorage extends NodeStorage {
  /** Closes the file like a crash: writes nothing more, and the WAL stays. Use it instead of a disposal. */
  closeWithoutCheckpoint(): void;
  /** The disk and cluster of the file. @throws {StorageError} on damage. */
  readonly identity: FileIdentity;
}

/** A storage whose file can be assigned to another cluster. */
export interface AssignableStorage extends FileStorage {
  /** From now on the file is another disk, of another cluster; what it holds stays. @throws {StorageError} */
  assign(disk: DiskId, origin: ClusterOrigin): void;
}

/** How much `records()` holds in memory at a time. */
const SCAN_CHUNK_BYTES = 1024 * 1024;
/**
 * The WAL is written back in the first commit after the reader is closed. Entries of 64 KiB: 32 MiB 19 ms, 64 MiB 37 ms, 128 MiB 260 ms;
 * entries of 100 B change the same pages repeatedly: 2 ms.
 */
const READER_WAL_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Opens what reads a file that was just opened. Where that throws, as for data of a newer release, the file is closed as after a crash: its
 * write-ahead log stays, without which an open file counts as damaged.
 */
export function openedOn<T>(storage: Pick<FileStorage, 'closeWithoutCheckpoint'>, open: () => T): T {
  try {
    return open();
  } catch (error) {
    storage.closeWithoutCheckpoint();
    throw error;
  }
}

/**
 * A node's state in one SQLite file.
 * @throws {StorageError} STORAGE_IN_USE, STORAGE_SCHEMA, STORAGE_DAMAGED, STORAGE_FOREIGN, STORAGE_ROLLED_BACK, STORAGE_KEY_MISSING or
 * STORAGE_FAILED; nothing stays open then.
 */
export function openSqliteStorage(options: SqliteStorageOptions): AssignableStorage {
  const { newDiskId } = options;
  invariant(Number.isSafeInteger(newDiskId) && newDiskId >= 0, () => `${newDiskId} cannot be the id of a disk: give a safe integer`);
  makeDataDirectory(options.file);
  const lock = openFileLock(options.file);
  try {
    checkWal(options.file);
    const rows = new RowSeal(options.file, options.keys);
    const db = openDatabase({ ...options, rows, hasWal: hasWal(options.file) });
    try {
      return new SqliteStorage(options, db, lock, rows);
    } catch (error) {
      closeWithoutCheckpoint(db, options.file);
      throw error;
    }
  } catch (error) {
    lock[Symbol.dispose]();
    throw storageErrorOf(error, options.file, 'open the data file');
  }
}

class SqliteStorage implements AssignableStorage {
  readonly #file: string;
  readonly #recordKinds: readonly string[];
  readonly #tags: readonly number[];
  readonly #entryKind: number;
  readonly #db: Database;
  readonly #lock: Disposable;
  readonly #rows: RowSeal;
  readonly #transactions: Transactions;
  readonly #segments: Segments;
  readonly #meta: MetaTable;
  readonly #log: LogTable;
  readonly #dropped: DroppedTables;
  readonly #staging: SnapshotStaging;
  readonly #readers: OpenReaders;
  #tables: readonly RecordTable[];
  /** The number of records of each kind in the checkpoint. Known, like `#bounds`, once the meta rows were read. */
  #counts: readonly number[] = [];
  #bounds: LogBounds | undefined;
  #identity: FileIdentity = { disk: ANY_DISK, origin: NO_ORIGIN };
  readonly #hasGeneration: boolean;

  constructor(options: SqliteStorageOptions, db: Database, lock: Disposable, rows: RowSeal) {
    const { file, recordKinds, entryKind, life, readerWalBytesMax = READER_WAL_BYTES_MAX, durability, onWritten } = options;
    this.#rows = rows;
    this.#hasGeneration = life !== undefined;
    this.#file = file;
    this.#recordKinds = recordKinds;
    this.#tags = recordKinds.map((kind) => kindTag(kind));
    this.#db = db;
    this.#lock = lock;
    this.#segments = new Segments({ ...options, isSynced: durability === 'full' });
    this.#transactions = new Transactions(db, file, (tookMs) => {
      onWritten?.(tookMs);
      this.#segments.onCommitted();
      this.#readers.onCommitted();
    });
    this.#meta = new MetaTable(db, file, rows);
    this.#entryKind = entryKind === undefined ? -1 : recordKinds.indexOf(entryKind);
    this.#log = new LogTable(db, file, rows, this.#segments, entryKind === undefined ? undefined : recordTableName(entryKind));
    this.#log.adoptReferences(db);
    this.#dropped = new DroppedTables(db);
    this.#staging = new SnapshotStaging({ db, file, recordKinds, tags: this.#tags, rows, dropped: this.#dropped });
    this.#readers = new OpenReaders({
      ...{ db, file, recordKinds, entryKind, tags: this.#tags, rows, segments: this.#segments },
      walBytesMax: readerWalBytesMax,
    });
    this.#tables = this.#openTables();
  }

  get identity(): FileIdentity {
    return this.#reading('read the identity of the file', () => this.#readMeta().identity);
  }

  assign(disk: DiskId, { cluster, founders }: ClusterOrigin): void {
    const before = this.identity;
    const identity = { ...before, disk, origin: { ...before.origin, cluster, founders } };
    this.#transactions.run('assign the file to another cluster', () => this.#meta.putIdentity(identity));
    this.#identity = identity;
  }

  load(): PersistedState {
    return this.#reading('load the log', () => {
      const { hardState, checkpoint, compacted, identity } = this.#readMeta();
      const entries = this.#log.readAfter(compacted.index);
      this.#segments.removeUnused();
      const generation = this.#hasGeneration ? identity.origin.generation : ANY_GENERATION;
      return { hardState, checkpoint: checkpoint?.snapshot, compacted, entries, disk: identity.disk, generation };
    });
  }

  *records(kind: number): Generator<StoredRecord> {
    this.#knownBounds();
    const table = this.#table(kind);
    let lastKey = -1;
    let found = 0;
    for (;;) {
      const records = this.#reading('read the checkpoint', () => table.chunkAfter(lastKey, SCAN_CHUNK_BYTES));
      if (records.length === 0) break;
      found += records.length;
      lastKey = records.at(-1)?.key ?? lastKey;
      yield* records;
    }
    table.checkCount(found, this.#counts[kind] ?? 0);
  }

  readRecord(kind: number, key: number): Uint8Array | undefined {
    return this.#reading('read a record', () => this.#table(kind).get(key));
  }

  persist(batch: PersistBatch): void {
    const { hardState, append, checkpoint, compactTo } = batch;
    const bounds = this.#knownBounds();
    checkBatch(bounds, batch);
    if (isEmptyBatch(batch)) return;
    let { compacted, last } = bounds;
    let counts = this.#counts;
    if (checkpoint !== undefined) this.#readers.onCheckpoint();
    const identity = this.#changedIdentity(batch);
    const isAtEnd = append?.from === last + 1;
    const isOneEntry =
      isAtEnd &&
      append?.entries.length === 1 &&
      hasLogOnly(batch) &&
      identity === undefined &&
      !this.#log.isReclaiming &&
      this.#dropped.isEmpty;
    const work = () => {
      if (hardState !== undefined) this.#meta.putHardState(hardState);
      if (identity !== undefined) {
        markVersion(this.#db, identity);
        this.#meta.putIdentity(identity);
      }
      if (append !== undefined) {
        this.#log.append(append.from, append.entries, isAtEnd);
        last = asIndex(append.from + append.entries.length - 1);
      }
      if (checkpoint !== undefined) {
        counts = this.#writeCheckpoint(checkpoint.snapshot, checkpoint.changes, compacted);
        this.#log.chooseSparse();
      }
      if (compactTo !== undefined && compactTo > compacted) {
        this.#meta.putCompacted({ index: compactTo, term: this.#log.compactedTerm(compactTo) });
        compacted = compactTo;
        this.#log.markDead();
      }
      this.#log.reclaim(compacted, append?.entries ?? []);
      this.#log.moveSparse(append?.entries ?? []);
      this.#dropped.reclaim();
    };
    this.#transactions.run("write a turn's changes", work, isOneEntry);
    this.#counts = counts;
    if (identity !== undefined) this.#identity = identity;
    this.#bounds = { compacted, last, checkpoint: checkpoint?.snapshot.index ?? bounds.checkpoint };
  }

  truncationStart(from: LogIndex): LogIndex {
    const { last } = this.#knownBounds();
    return from > last ? from : this.#reading('measure the end of the log', () => this.#log.truncationStart(from, last));
  }

  openCheckpointReader(): CheckpointReader {
    return this.#reading('open the checkpoint', () => this.#readers.open());
  }

  stageSnapshot(chunk: number, records: readonly (RecordChange | SnapshotRecord)[]): void {
    checkOnArrival(records, { recordKinds: this.#recordKinds, tags: this.#tags, checksum: this.#rows.checksum });
    this.#transactions.run('stage a snapshot', () => this.#staging.stage(chunk, records));
  }

  installSnapshot(snapshot: SnapshotId, hardState: HardState): void {
    const bounds = this.#knownBounds();
    checkInstall(bounds, snapshot);
    let counts: readonly number[] = [];
    this.#readers.onCheckpoint();
    this.#transactions.run('install a snapshot', () => {
      counts = this.#staging.swapIn();
      this.#meta.putHardState(hardState);
      this.#meta.putCheckpoint({ snapshot, counts: this.#namedCounts(counts) });
      this.#meta.putCompacted(idOf(snapshot));
      // The entries before it are dead from now on, and are deleted in parts by the next turns.
      this.#log.endAt(snapshot.index);
      this.#log.releaseAll();
    });
    this.#tables = this.#openTables();
    this.#counts = counts;
    this.#bounds = { compacted: snapshot.index, last: snapshot.index, checkpoint: snapshot.index };
  }

  [Symbol.dispose](): void {
    this.#readers[Symbol.dispose]();
    // Without the mark the WAL must stay.
    if (this.#markClosed()) this.#db.close();
    else closeWithoutCheckpoint(this.#db, this.#file);
    this.#segments[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
  }

  closeWithoutCheckpoint(): void {
    this.#readers[Symbol.dispose]();
    closeWithoutCheckpoint(this.#db, this.#file);
    this.#segments[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
  }

  /** @returns false where the mark of an open file stays. */
  #markClosed(): boolean {
    if (!this.#db.open) return true;
    if (this.#transactions.hasFailed) return false;
    try {
      const { isOpen = false, ...identity } = this.#readMeta().identity;
      if (isOpen) this.#transactions.run('close the file', () => this.#meta.putIdentity(identity));
      return true;
    } catch {
      return false;
    }
  }

  #writeCheckpoint(snapshot: SnapshotId, changes: Iterable<RecordChange>, compacted: LogIndex): readonly number[] {
    const counts = [...this.#counts];
    for (const { kind, key, value } of changes) {
      const table = this.#table(kind);
      const isEntry = kind === this.#entryKind;
      const isInLog = isEntry && key > compacted;
      counts[kind] = (counts[kind] ?? 0) + (value === undefined ? table.delete(key) : table.put(key, isInLog ? EMPTY_BYTES : value));
      if (isEntry && value === undefined) this.#log.release(key);
    }
    this.#meta.putCheckpoint({ snapshot, counts: this.#namedCounts(counts) });
    return counts;
  }

  /** @returns undefined if it stays. The first large entry makes a file one that has segments. */
  #changedIdentity({ generation, append }: PersistBatch): FileIdentity | undefined {
    const isFirst = this.#identity.hasSegments !== true && append?.entries.some(({ kind, data }) => isLarge(kind, data)) === true;
    if (generation === undefined && !isFirst) return undefined;
    const identity = generation === undefined ? this.#identity : withGeneration(this.#identity, generation);
    return isFirst ? { ...identity, hasSegments: true } : identity;
  }

  #namedCounts(counts: readonly number[]): { readonly kind: string; readonly records: number }[] {
    return this.#recordKinds.map((kind, at) => ({ kind, records: counts[at] ?? 0 }));
  }

  #openTables(): RecordTable[] {
    return this.#recordKinds.map(
      (kind, at) =>
        new RecordTable({
          db: this.#db,
          file: this.#file,
          table: recordTableName(kind),
          kind,
          tag: this.#tags[at] ?? 0,
          rows: this.#rows,
          ...(at === this.#entryKind ? { log: this.#log } : {}),
        }),
    );
  }

  #table(kind: number): RecordTable {
    const table = this.#tables[kind];
    invariant(table !== undefined, () => `there is no record kind ${kind}: the storage was opened with ${this.#tables.length}`);
    return table;
  }

  #readMeta(): MetaState {
    const meta = this.#meta.read();
    this.#identity = meta.identity;
    this.#counts = this.#recordKinds.map((name) => meta.checkpoint?.counts.find((count) => count.kind === name)?.records ?? 0);
    this.#bounds = {
      compacted: meta.compacted.index,
      last: this.#log.lastAfter(meta.compacted.index),
      checkpoint: meta.checkpoint?.snapshot.index ?? asIndex(0),
    };
    return meta;
  }

  #knownBounds(): LogBounds {
    if (this.#bounds === undefined) this.#reading('read the bounds of the log', () => this.#readMeta());
    invariant(this.#bounds !== undefined, () => 'the meta rows were read without setting the bounds');
    return this.#bounds;
  }

  #reading<Result>(doing: string, work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw storageErrorOf(error, this.#file, doing);
    }
  }
}
