import type { Database, Statement } from 'better-sqlite3';
import { asIndex, asTerm, type LogIndex } from '../base/ids.ts';
import type { Entry } from '../raft/entry.ts';
import type { StorageError } from './errors.ts';
import { blobOf, END_KIND, entryKindOf } from './row-codec.ts';
import type { RowSeal } from './row-seal.ts';
import type { SegmentReads } from './segment-files.ts';
import { decodeReference, REFERENCE_FLAG, type SegmentReference } from './segment-reference.ts';
import { damaged } from './sqlite-errors.ts';

// Unknown types: in a damaged file a blob may have become a text or null.
export type EntryRow = [position: unknown, term: unknown, kind: unknown, data: unknown, checksum: unknown];
export const ENTRY_COLUMNS = 'position, term, kind, data, checksum';

/** A row with a correct checksum, and its data, decrypted: an entry, or the end row. */
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
  readonly #segments: SegmentReads;
  readonly #get: Statement<[number], EntryRow>;

  constructor(db: Database, file: string, rows: RowSeal, segments: SegmentReads) {
    this.file = file;
    this.rows = rows;
    this.#segments = segments;
    this.#get = db.prepare<[number], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry WHERE position = ?`).raw();
  }

  /** @throws {StorageError} when the entry is damaged or missing. */
  entryAt(index: LogIndex): Entry {
    const row = this.#get.get(index);
    if (row === undefined) throw damaged(this.file, `entry ${index} of the log is missing`);
    return this.entryOf(this.checked(row));
  }

  /** @throws {StorageError} on damage. */
  protected checked(row: EntryRow): CheckedRow {
    const { position, term, kind: flagged, data } = this.#sound(row);
    const isReference = hasReference(flagged);
    const kind = isReference ? flagged - REFERENCE_FLAG : flagged;
    // The checksum covers the kind as one byte.
    if (kind !== END_KIND && entryKindOf(kind) === undefined) throw this.#mismatch(position);
    const stored = isReference ? this.referredTo(position, term, kind, this.#decoded(position, data)) : data;
    return { position, term, kind, data: this.rows.openEntry(position, term, kind, stored) };
  }

  /** Of a row that has a reference. @throws {StorageError} on damage. */
  protected referenceOf(row: EntryRow): [position: number, reference: SegmentReference] {
    const { position, data } = this.#sound(row);
    return [position, this.#decoded(position, data)];
  }

  /** What is stored for an entry in its segment. @throws {StorageError} on damage. */
  protected referredTo(position: number, term: number, kind: number, reference: SegmentReference): Uint8Array {
    const stored = this.#segments.read(reference, `entry ${position} of the log`);
    if (this.rows.checksum.entry(position, term, kind, stored) === reference.checksum) return stored;
    throw damaged(this.file, `entry ${position} of the log does not match its checksum in the segment ${reference.segment}`);
  }

  #sound([position, term, kind, blob, checksum]: EntryRow): CheckedRow {
    const data = blobOf(blob);
    if (typeof position !== 'number' || typeof term !== 'number' || typeof kind !== 'number' || data === undefined) {
      throw damaged(this.file, `entry ${position} of the log has the wrong type`);
    }
    if (this.rows.checksum.entry(position, term, kind, data) !== checksum) throw this.#mismatch(position);
    return { position, term, kind, data };
  }

  #decoded(position: number, bytes: Uint8Array): SegmentReference {
    const reference = decodeReference(bytes);
    if (reference === undefined) throw this.#mismatch(position);
    return reference;
  }

  #mismatch(position: number): StorageError {
    return damaged(this.file, `entry ${position} of the log does not match its checksum`);
  }

  /** @throws {StorageError} for the end row. */
  protected entryOf({ position, term, kind: code, data }: CheckedRow): Entry {
    const kind = entryKindOf(code);
    if (kind === undefined) throw damaged(this.file, `the log ends before entry ${position}`);
    return { index: asIndex(position), term: asTerm(term), kind, data };
  }
}

/** Whether a row with this kind has a reference in the place of its data. */
export const hasReference = (kind: number): boolean => kind !== END_KIND && (kind & REFERENCE_FLAG) !== 0;
