import type { Database, Statement } from 'better-sqlite3';
import { asIndex } from '../base/ids.ts';
import type { LogReads } from './log-reads.ts';
import { RECORD_OVERHEAD_BYTES } from './row-checksum.ts';
import { blobOf } from './row-codec.ts';
import type { RowSeal } from './row-seal.ts';
import { damaged } from './sqlite-errors.ts';

/** A record of the checkpoint as read from the file. */
export interface StoredRecord {
  readonly key: number;
  readonly value: Uint8Array;
  readonly checksum: number;
}

export interface RecordTableOptions {
  readonly db: Database;
  readonly file: string;
  readonly table: string;
  readonly kind: string;
  /** See `kindTag`. */
  readonly tag: number;
  readonly rows: RowSeal;
  /** For the kind whose records are log entries: the source of the data of a record without a value, which is never sealed. */
  readonly log?: LogReads;
}

// Rows of the statements below: the columns in the order of the SELECT. Unknown types: in a damaged file a blob may have become a text or
// null.
type RecordRow = [key: unknown, value: unknown, checksum: unknown];

/** Reads the records of one kind, and compares the checksum of each before use. */
export class RecordReads {
  protected readonly options: RecordTableOptions;
  readonly #get: Statement<[number], RecordRow>;
  readonly #scan: Statement<[number], RecordRow>;

  constructor(options: RecordTableOptions) {
    this.options = options;
    const { db, table } = options;
    this.#get = db.prepare<[number], RecordRow>(`SELECT key, value, checksum FROM "${table}" WHERE key = ?`).raw();
    this.#scan = db.prepare<[number], RecordRow>(`SELECT key, value, checksum FROM "${table}" WHERE key > ? ORDER BY key`).raw();
  }

  /** @throws {StorageError} on damage. */
  get(key: number): Uint8Array | undefined {
    const row = this.#get.get(key);
    return row === undefined ? undefined : this.#whole(this.#checked(row)).value;
  }

  /**
   * The records after `afterKey`, at most `bytesMax` bytes of them but at least one; none at the end. A scan reads such chunks because an
   * open cursor would keep its connection from writing.
   * @throws {StorageError} on damage.
   */
  chunkAfter(afterKey: number, bytesMax: number): StoredRecord[] {
    const records: StoredRecord[] = [];
    let bytes = 0;
    let lastKey = afterKey;
    for (const row of this.#scan.iterate(afterKey)) {
      const record = this.#whole(this.#checked(row));
      this.#checkOrder(lastKey, record.key);
      lastKey = record.key;
      bytes += record.value.length + RECORD_OVERHEAD_BYTES;
      if (bytes > bytesMax && records.length > 0) break;
      records.push(record);
      if (bytes >= bytesMax) break;
    }
    return records;
  }

  /** All records, one that is a log entry without its data. The connection cannot write meanwhile. @throws {StorageError} on damage. */
  *all(): Generator<StoredRecord> {
    let lastKey = -1;
    for (const row of this.#scan.iterate(-1)) {
      const record = this.#checked(row);
      this.#checkOrder(lastKey, record.key);
      lastKey = record.key;
      yield record;
    }
  }

  /** @throws {StorageError} when a complete scan found another number of records than were stored. */
  checkCount(found: number, stored: number): void {
    const { file, kind } = this.options;
    if (found !== stored) throw damaged(file, `its checkpoint has ${stored} records of the kind "${kind}", and ${found} were found`);
  }

  #whole(record: StoredRecord): StoredRecord {
    const { log, tag, rows } = this.options;
    if (log === undefined || record.value.length > 0) return record;
    const value = log.entryAt(asIndex(record.key)).data;
    return { key: record.key, value, checksum: rows.checksum.record(tag, record.key, value) };
  }

  /** With damage, the pages of a tree may form a cycle without an end. */
  #checkOrder(lastKey: number, key: number): void {
    if (key <= lastKey) throw damaged(this.options.file, `record ${key} of the kind "${this.options.kind}" follows ${lastKey}`);
  }

  #checked([key, blob, checksum]: RecordRow): StoredRecord {
    const { file, kind, tag, rows, log } = this.options;
    const stored = blobOf(blob);
    if (
      typeof key !== 'number' ||
      stored === undefined ||
      typeof checksum !== 'number' ||
      rows.checksum.record(tag, key, stored) !== checksum
    ) {
      throw damaged(file, `record ${key} of the kind "${kind}" does not match its checksum`);
    }
    if (!rows.isEncrypted || isReference(stored, log)) return { key, value: stored, checksum };
    const value = rows.openRecord(tag, key, stored);
    // The one in the row is that of the sealed value; a snapshot has that of the value.
    return { key, value, checksum: rows.checksum.record(tag, key, value) };
  }
}

/** A record that is a log entry whose row has the data. */
const isReference = (value: Uint8Array, log: LogReads | undefined): boolean => value.length === 0 && log !== undefined;

/** Reads, writes and counts the records of one kind. */
export class RecordTable extends RecordReads {
  readonly #insert: Statement<[number, Uint8Array, number]>;
  readonly #update: Statement<[Uint8Array, number, number]>;
  readonly #delete: Statement<[number]>;
  #keyMax: number;

  constructor(options: RecordTableOptions) {
    super(options);
    const { db, table } = options;
    this.#insert = db.prepare(`INSERT INTO "${table}" (key, value, checksum) VALUES (?, ?, ?)`);
    this.#update = db.prepare(`UPDATE "${table}" SET value = ?, checksum = ? WHERE key = ?`);
    this.#delete = db.prepare(`DELETE FROM "${table}" WHERE key = ?`);
    this.#keyMax = db.prepare<[], number>(`SELECT coalesce(max(key), -1) FROM "${table}"`).pluck().get() ?? -1;
  }

  /** @returns the number of added records: 0 or 1. */
  put(key: number, value: Uint8Array): number {
    const { rows, tag, log } = this.options;
    const stored = isReference(value, log) ? value : rows.sealRecord(tag, key, value);
    const checksum = rows.checksum.record(tag, key, stored);
    // Most new records have the highest key so far; the others pay for an UPDATE that finds nothing.
    if (key <= this.#keyMax && this.#update.run(stored, checksum, key).changes === 1) return 0;
    this.#insert.run(key, stored, checksum);
    if (key > this.#keyMax) this.#keyMax = key;
    return 1;
  }

  /** @returns the number of added records: 0 or -1. */
  delete(key: number): number {
    return -this.#delete.run(key).changes;
  }
}
