import type { Database, Statement } from 'better-sqlite3';
import { asIndex, asTerm, type LogIndex } from '../base/ids.ts';
import type { Entry } from '../raft/entry.ts';
import type { RowChecksum } from './row-checksum.ts';
import { blobOf, entryKindOf } from './row-codec.ts';
import { damaged } from './sqlite-errors.ts';

// Unknown types: in a damaged file a blob may have become a text or null.
export type EntryRow = [position: unknown, term: unknown, kind: unknown, data: unknown, checksum: unknown];
export const ENTRY_COLUMNS = 'position, term, kind, data, checksum';

/** A row with a correct checksum: an entry, or the end row. */
export interface CheckedRow {
  readonly position: number;
  readonly term: number;
  readonly kind: number;
  readonly data: Uint8Array;
}

/**
 * The kind of the row after the last entry. Without it a log that lost its last rows would look like one that never had them, and the node
 * would lack entries that it acknowledged. It is on the last entry's page, so it costs no write.
 */
export const END_KIND = 255;

/** Reads the log's rows, and compares the checksum of each before use. */
export class LogReads {
  protected readonly file: string;
  protected readonly checksum: RowChecksum;
  readonly #get: Statement<[number], EntryRow>;

  constructor(db: Database, file: string, checksum: RowChecksum) {
    this.file = file;
    this.checksum = checksum;
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
    if ((kind !== END_KIND && entryKindOf(kind) === undefined) || this.checksum.entry(position, term, kind, data) !== checksum) {
      throw damaged(this.file, `entry ${position} of the log does not match its checksum`);
    }
    return { position, term, kind, data };
  }

  /** @throws {StorageError} for the end row. */
  protected entryOf({ position, term, kind: code, data }: CheckedRow): Entry {
    const kind = entryKindOf(code);
    if (kind === undefined) throw damaged(this.file, `the log ends before entry ${position}`);
    return { index: asIndex(position), term: asTerm(term), kind, data };
  }
}
