import type { Database } from 'better-sqlite3';
import { ZERO_ENTRY } from '../base/ids.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { openSqlite } from '../files/sqlite.ts';
import type { Entry, EntryId, SnapshotId } from '../raft/entry.ts';
import { ENTRY_COLUMNS, type EntryRow, LogReads } from './log-reads.ts';
import { MetaTable } from './meta-table.ts';
import type { SnapshotRecord } from './port.ts';
import { RecordReads } from './record-table.ts';
import { kindTag } from './row-checksum.ts';
import { type CheckpointRow, END_KIND } from './row-codec.ts';
import { RowSeal } from './row-seal.ts';
import { SegmentReads } from './segment-files.ts';
import { holdSegments } from './segment-views.ts';
import { damaged, storageErrorOf } from './sqlite-errors.ts';
import { recordTableName } from './tables.ts';

export interface BackupReaderOptions {
  /** A node's file, which its node may have open in this process. */
  readonly file: string;
  readonly recordKinds: readonly string[];
  /** See `SqliteStorageOptions`. */
  readonly entryKind: string | undefined;
  /** Those with which the node has it open. */
  readonly keys: EncryptionKeys | undefined;
}

/**
 * Reads checkpoint and log of a node's file in one read transaction, chunk by chunk, while the node runs. Until it is disposed the file's
 * WAL grows with every commit: the caller bounds that.
 */
export class BackupReader implements Disposable {
  /** The entry that the checkpoint covers; undefined before the first checkpoint. */
  readonly snapshot: SnapshotId | undefined;
  /** The last entry of the log. */
  readonly last: EntryId;
  readonly #file: string;
  readonly #db: Database;
  readonly #hold: Disposable | undefined;
  readonly #segments: SegmentReads;
  readonly #log: LogScan;
  readonly #checkpoint: CheckpointRow | undefined;
  readonly #tables: readonly { readonly kind: string; readonly records: RecordReads }[];

  /** @throws {StorageError} when the file cannot be read. */
  constructor({ file, recordKinds, entryKind, keys }: BackupReaderOptions) {
    this.#file = file;
    const db = openSqlite(file, { readonly: true, fileMustExist: true });
    this.#segments = new SegmentReads(file);
    try {
      this.#hold = holdSegments(file);
      db.pragma('cell_size_check = ON');
      db.exec('BEGIN');
      const rows = new RowSeal(file, keys);
      // The first read of the transaction fixes its view.
      const { checkpoint, compacted } = new MetaTable(db, file, rows).read();
      this.#checkpoint = checkpoint;
      this.snapshot = checkpoint?.snapshot;
      this.#log = new LogScan(db, file, rows, this.#segments);
      this.last = this.#log.last() ?? checkpoint?.snapshot ?? compacted ?? ZERO_ENTRY;
      this.#tables = recordKinds.map((kind) => {
        const table = { db, file, table: recordTableName(kind), kind, tag: kindTag(kind), rows };
        return { kind, records: new RecordReads(kind === entryKind ? { ...table, log: this.#log } : table) };
      });
      this.#db = db;
    } catch (error) {
      this.#close(db);
      throw storageErrorOf(error, file, 'open the file for a backup');
    }
  }

  /** The checkpoint's records, in chunks of some `chunkBytes`. @throws {StorageError} on damage. */
  *records(chunkBytes: number): Generator<readonly SnapshotRecord[]> {
    for (const [kind, { kind: name, records }] of this.#tables.entries()) {
      let found = 0;
      for (let lastKey = -1; ; ) {
        const chunk = this.#reading(() => records.chunkAfter(lastKey, chunkBytes));
        if (chunk.length === 0) break;
        lastKey = chunk.at(-1)?.key ?? lastKey;
        found += chunk.length;
        yield chunk.map(({ key, value, checksum }) => ({ kind, key, value, checksum }));
      }
      const stored = this.#checkpoint?.counts.find((count) => count.kind === name)?.records ?? 0;
      this.#reading(() => records.checkCount(found, stored));
    }
  }

  /** The entries behind the checkpoint up to `to`, in chunks of some `chunkBytes`. @throws {StorageError} on damage. */
  *entries(to: number, chunkBytes: number): Generator<readonly Entry[]> {
    for (let after = this.snapshot?.index ?? 0; after < to; ) {
      const chunk = this.#reading(() => this.#log.chunkAfter(after, to, chunkBytes));
      after += chunk.length;
      yield chunk;
    }
  }

  [Symbol.dispose](): void {
    this.#close(this.#db);
  }

  #close(db: Database): void {
    db.close();
    this.#segments[Symbol.dispose]();
    this.#hold?.[Symbol.dispose]();
  }

  #reading<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw storageErrorOf(error, this.#file, 'read the file for a backup');
    }
  }
}

class LogScan extends LogReads {
  readonly #db: Database;

  constructor(db: Database, file: string, rows: RowSeal, segments: SegmentReads) {
    super(db, file, rows, segments);
    this.#db = db;
  }

  last(): EntryId | undefined {
    const row = this.#db
      .prepare<[number], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry WHERE kind <> ? ORDER BY position DESC LIMIT 1`)
      .raw()
      .get(END_KIND);
    return row === undefined ? undefined : this.entryOf(this.checked(row));
  }

  /** At least one entry. @throws {StorageError} when one is missing. */
  chunkAfter(after: number, to: number, bytesMax: number): Entry[] {
    const scan = this.#db
      .prepare<[number, number], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry WHERE position > ? AND position <= ? ORDER BY position`)
      .raw();
    const entries: Entry[] = [];
    let bytes = 0;
    for (const row of scan.iterate(after, to)) {
      const entry = this.entryOf(this.checked(row));
      if (entry.index !== after + entries.length + 1) break;
      entries.push(entry);
      bytes += entry.data.length;
      if (bytes >= bytesMax) break;
    }
    if (entries.length === 0) throw damaged(this.file, `entry ${after + 1} of the log is missing`);
    return entries;
  }
}
