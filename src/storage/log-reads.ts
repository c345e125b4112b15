import type { Database, Statement } from 'better-sqlite3';
import { asIndex, asTerm, type LogIndex } from '../base/ids.ts';
import type { Entry } from '../raft/entry.ts';
import { blobOf, END_KIND, entryKindOf } from './row-codec.ts';
import type { RowSeal } from './row-seal.ts';
import { damaged } from './sqlite-errors.ts';

// Unknown types: in a damaged file a blob may have become a text or null.
export type EntryRow = [position: unknown, term: unknown, kind: unknown, data: unknown, checksum: unknown];
export const ENTRY_COLUMNS = 'position, term, kind, data, checksum';

/** A row with a correct checksum, decrypted: an entry, or the end row. */
export interface CheckedRow {
  readonly position: number;
  readonly term: number;
  readonly kind: number;
  readonly data: Uint8Array;
}

/** Reads the log's rows, and compares the checksum of each before use. */
export class LogReads {
  protected readonly file: string;
  protected readonly rows: RowSeal;
  readonly #get: Statement<[number], EntryRow>;

  constructor(db: Database, file: string, rows: RowSeal) {
    this.file = file;
    this.rows = rows;
    this.#get = db.prepare<[number], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry WHERE position = ?`).raw();
  }

  /** @throws {StorageError} when the entry is damaged or missing. */
  entryAt(index: LogIndex): Entry {
    const row = this.#get.get(index);
    if (row === undefined) throw damaged(this.file, `entry ${index} of the log is missing`);
    return this.entryOf(this.checked(row));
  }

  /** @throws {StorageError} on damage. */
  protected checked([position, term, kind, blob, checksum]: EntryRow): CheckedRow {
    const data = blobOf(blob);
    if (typeof position !== 'number' || typeof term !== 'number' || typeof kind !== 'number' || data === undefined) {
      throw damaged(this.file, `entry ${position} of the log has the wrong type`);
    }
    // The checksum covers the kind as one byte.
    if ((kind !== END_KIND && entryKindOf(kind) === undefined) || this.rows.checksum.entry(position, term, kind, data) !== checksum) {
      throw damaged(this.file, `entry ${position} of the log does not match its checksum`);
    }
    return { position, term, kind, data: this.rows.openEntry(position, term, kind, data) };
  }

  /** @throws {StorageError} for the end row. */
  protected entryOf({ position, term, kind: code, data }: CheckedRow): Entry {
    const kind = entryKindOf(code);
    if (kind === undefined) throw damaged(this.file, `the log ends before entry ${position}`);
    return { index: asIndex(position), term: asTerm(term), kind, data };
  }
}
