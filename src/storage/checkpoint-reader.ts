import type { Database } from 'better-sqlite3';
import { invariant } from '../base/invariant.ts';
import { openSqlite } from '../files/sqlite.ts';
import { isSameEntry, type SnapshotId } from '../raft/entry.ts';
import { LogReads } from './log-reads.ts';
import { MetaTable } from './meta-table.ts';
import type { CheckpointReader, SnapshotRecord } from './port.ts';
import { RecordReads, type StoredRecord } from './record-table.ts';
import type { CheckpointRow } from './row-codec.ts';
import type { RowSeal } from './row-seal.ts';
import type { Segments } from './segments.ts';
import { storageErrorOf } from './sqlite-errors.ts';
import { recordTableName } from './tables.ts';

export interface SqliteReaderOptions {
  readonly file: string;
  readonly recordKinds: readonly string[];
  /** See `SqliteStorageOptions`. */
  readonly entryKind: string | undefined;
  readonly tags: readonly number[];
  readonly rows: RowSeal;
  readonly segments: Segments;
  readonly onClose: (reader: SqliteCheckpointReader) => void;
}

/**
 * Reads the checkpoint through its own connection, in one read transaction: it sees the checkpoint unchanged, whatever the node writes or
 * installs meanwhile. While it is open the WAL cannot start over and grows with every commit, so it must be disposed as soon as its
 * snapshot was sent or given up, and expires when the WAL has grown too much.
 */
export class SqliteCheckpointReader implements CheckpointReader {
  readonly snapshot: SnapshotId;
  readonly #options: SqliteReaderOptions;
  readonly #db: Database;
  #segmentView: Disposable;
  readonly #meta: MetaTable;
  readonly #checkpoint: CheckpointRow;
  readonly #tables: readonly RecordReads[];
  #kind = 0;
  #lastKey = -1;
  #found = 0;
  #isExpired = false;

  /** @throws {InvariantViolation} before the first checkpoint. @throws {StorageError} when the file cannot be read. */
  constructor(options: SqliteReaderOptions) {
    this.#options = options;
    const { file, recordKinds, entryKind, tags, rows, segments } = options;
    const db = openSqlite(file, { readonly: true, fileMustExist: true });
    this.#segmentView = segments.view();
    try {
      db.pragma('cell_size_check = ON');
      db.exec('BEGIN');
      // The first read of the transaction fixes its view.
      this.#meta = new MetaTable(db, file, rows);
      const { checkpoint } = this.#meta.read();
      invariant(checkpoint !== undefined, () => `${file} has no checkpoint to read yet`);
      this.#checkpoint = checkpoint;
      this.snapshot = checkpoint.snapshot;
      const log = new LogReads(db, file, rows, segments.reads);
      this.#tables = recordKinds.map((kind, at) => {
        const table = { db, file, table: recordTableName(kind), kind, tag: tags[at] ?? 0, rows };
        return new RecordReads(kind === entryKind ? { ...table, log } : table);
      });
      this.#db = db;
    } catch (error) {
      db.close();
      this.#segmentView[Symbol.dispose]();
      throw storageErrorOf(error, file, 'open the checkpoint');
    }
  }

  get isExpired(): boolean {
    return this.#isExpired;
  }

  read(bytesMax: number): readonly SnapshotRecord[] | undefined {
    invariant(this.#db.open, () => `a checkpoint reader was read after it ${this.#isExpired ? 'expired' : 'was disposed'}`);
    try {
      for (; this.#kind < this.#tables.length; this.#nextKind()) {
        const records = this.#tables[this.#kind]?.chunkAfter(this.#lastKey, bytesMax) ?? [];
        if (records.length > 0) return this.#handOut(records);
      }
      return undefined;
    } catch (error) {
      throw storageErrorOf(error, this.#options.file, 'read the checkpoint');
    }
  }

  /** Whether it has returned all records. */
  get isAtEnd(): boolean {
    return this.#kind === this.#tables.length;
  }

  /** Releases the view for a moment, in which the whole WAL can be written back. */
  pause(): void {
    this.#db.exec('COMMIT');
    this.#segmentView[Symbol.dispose]();
  }

  /** Takes a new view. @returns whether it shows the same checkpoint; if not, the reader must expire. */
  resume(): boolean {
    this.#segmentView = this.#options.segments.view();
    this.#db.exec('BEGIN');
    const snapshot = this.#meta.read().checkpoint?.snapshot;
    return snapshot !== undefined && isSameEntry(snapshot, this.snapshot);
  }

  /** Releases the view. */
  expire(): void {
    this.#isExpired = true;
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (!this.#db.open) return;
    this.#db.close();
    this.#segmentView[Symbol.dispose]();
    this.#options.onClose(this);
  }

  #handOut(records: readonly StoredRecord[]): readonly SnapshotRecord[] {
    this.#lastKey = records.at(-1)?.key ?? this.#lastKey;
    this.#found += records.length;
    const kind = this.#kind;
    return records.map(({ key, value, checksum }) => ({ kind, key, value, checksum }));
  }

  #nextKind(): void {
    const name = this.#options.recordKinds[this.#kind];
    const stored = this.#checkpoint.counts.find((count) => count.kind === name)?.records ?? 0;
    this.#tables[this.#kind]?.checkCount(this.#found, stored);
    this.#kind += 1;
    this.#lastKey = -1;
    this.#found = 0;
  }
}
