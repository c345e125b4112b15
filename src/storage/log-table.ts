import type { Database, Statement } from 'better-sqlite3';
import { asIndex, type LogIndex, type Term } from '../base/ids.ts';
import { EMPTY_BYTES, type Entry } from '../raft/entry.ts';
import { ENTRY_COLUMNS, type EntryRow, hasReference, LogReads } from './log-reads.ts';
import { END_KIND, entryKindCode } from './row-codec.ts';
import type { RowSeal } from './row-seal.ts';
import { isSegmentVersion } from './schema-version.ts';
import { encodeReference, REFERENCE_FLAG, type SegmentReference } from './segment-reference.ts';
import type { SegmentPart, Segments } from './segments.ts';
import { damaged } from './sqlite-errors.ts';

/**
 * Minimum that one transaction deletes of a compacted log, and maximum of a suffix. Freeing a large row reads each of its pages, so the
 * deletion of a long log in one turn would block the node for longer than an election takes. A suffix costs less for each row: its pages
 * are freed whole. Measured processor time of a transaction, entries of 256 B to 64 KiB: 1 to 3 ms.
 */
const DELETED_ROWS = 1024;
const TRUNCATED_ROWS = 2048;
const DELETED_BYTES = 4 * 1024 * 1024;
/** A transaction that appends more than that deletes this multiple of it from a compacted log. */
const APPENDED_SHARE = 1.25;

/** Entries from this size on have their data in a segment. */
const SEGMENT_ENTRY_BYTES_MIN = 16 * 1024;
const NO_REFERENCES: ReadonlyMap<number, SegmentReference> = new Map();

type Row = [position: number, term: number, kind: number, data: Uint8Array, checksum: number];

/** An entry whose data is in a segment. */
interface StoredEntry extends SegmentPart {
  readonly term: number;
  readonly kind: number;
}

/**
 * The log's rows. Those at or before `compacted` are dead, and are deleted in parts by each turn, except those that the checkpoint keeps,
 * which stay until it releases them.
 */
export class LogTable extends LogReads {
  readonly #put: Statement<Row>;
  readonly #putTwo: Statement<[...Row, ...Row]>;
  readonly #deleteFrom: Statement<[number]>;
  readonly #deleteDead: Statement<[number, number]>;
  readonly #deleteReleased: Statement<[number, number]>;
  readonly #after: Statement<[number], EntryRow>;
  readonly #last: Statement<[], EntryRow>;
  readonly #sizes: Statement<[number, number, number], [position: number, bytes: number]>;
  readonly #sizesFromEnd: Statement<[number, number, number], [position: number, bytes: number]>;
  readonly #deadReferences: Statement<[number, number], number>;
  readonly #columns: Statement<[number], [term: number, kind: number]>;
  readonly #segments: Segments;
  /** The terms of the entries that were appended since the file was opened: each from its index to the next, in ascending order. */
  #terms: { readonly from: number; readonly term: Term }[] = [];
  #hasDeadRows = true;
  /** The dead rows up to here are deleted, or kept. */
  #reclaimedTo = 0;

  /** @param keptTable the records of the checkpoint that refer to entries: one without a value keeps the row at its key. */
  constructor(db: Database, file: string, rows: RowSeal, segments: Segments, keptTable?: string) {
    super(db, file, rows, segments.reads);
    this.#segments = segments;
    this.#put = db.prepare(`REPLACE INTO entry (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?)`);
    this.#putTwo = db.prepare(`REPLACE INTO entry (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)`);
    this.#deleteFrom = db.prepare('DELETE FROM entry WHERE position >= ?');
    const isKept = keptTable === undefined ? '0' : `EXISTS (SELECT 1 FROM "${keptTable}" WHERE key = position AND length(value) = 0)`;
    this.#deleteDead = db.prepare(`DELETE FROM entry WHERE position > ? AND position <= ? AND NOT ${isKept}`);
    this.#deadReferences = db
      .prepare<[number, number], number>(
        `SELECT position FROM entry WHERE position > ? AND position <= ? AND kind & ${REFERENCE_FLAG} AND kind <> ${END_KIND} AND NOT ${isKept}`,
      )
      .pluck();
    this.#columns = db.prepare<[number], [number, number]>('SELECT term, kind FROM entry WHERE position = ?').raw();
    this.#deleteReleased = db.prepare('DELETE FROM entry WHERE position = ? AND position <= ?');
    this.#after = db.prepare<[number], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry WHERE position > ? ORDER BY position`).raw();
    this.#last = db.prepare<[], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry ORDER BY position DESC LIMIT 1`).raw();
    // The length of a blob is in its row's header: its pages are not read.
    this.#sizes = db
      .prepare<[number, number, number], [number, number]>(
        'SELECT position, length(data) FROM entry WHERE position > ? AND position <= ? ORDER BY position LIMIT ?',
      )
      .raw();
    this.#sizesFromEnd = db
      .prepare<[number, number, number], [number, number]>(
        'SELECT position, length(data) FROM entry WHERE position >= ? AND position <= ? ORDER BY position DESC LIMIT ?',
      )
      .raw();
  }

  /** @throws {StorageError} on a damaged row, on a gap, and when the end is missing. */
  readAfter(compacted: LogIndex): Entry[] {
    const entries: Entry[] = [];
    let expected = compacted + 1;
    let hasEnd = false;
    for (const columns of this.#after.iterate(compacted)) {
      const row = this.checked(columns);
      const { position } = row;
      if (hasEnd) throw damaged(this.file, `row ${position} is after the end of the log`);
      if (position !== expected) {
        const missing = `entry ${expected} of the log is missing`;
        throw damaged(
          this.file,
          row.kind === END_KIND ? `${missing}, which ends at ${position - 1}` : `${missing}, and entry ${position} follows`,
        );
      }
      if (row.kind === END_KIND) hasEnd = true;
      else entries.push(this.entryOf(row));
      expected += 1;
    }
    if (!hasEnd) throw damaged(this.file, `row ${expected} of the log is missing (an entry or the end row)`);
    return entries;
  }

  /** @throws {StorageError} when the end row is not where it must be. */
  lastAfter(compacted: LogIndex): LogIndex {
    const columns = this.#last.get();
    const row = columns === undefined ? undefined : this.checked(columns);
    if (row === undefined || row.kind !== END_KIND || row.position <= compacted) {
      throw damaged(this.file, `the end row of the log is missing after ${row?.position ?? compacted}`);
    }
    return asIndex(row.position - 1);
  }

  /**
   * Runs one statement for one entry at the end.
   * @param isAtEnd only the end row is at or after `from`; the first row replaces it.
   */
  append(from: LogIndex, entries: readonly Entry[], isAtEnd: boolean): void {
    if (!isAtEnd) {
      // The end row, and the conflicting suffix.
      this.#deleteFrom.run(from);
      for (const index of [...this.#segments.indexesIn(from, Number.POSITIVE_INFINITY)]) this.#segments.release(index);
      while ((this.#terms.at(-1)?.from ?? 0) >= from) this.#terms.pop();
    }
    const end = this.#rowOf(from + entries.length, 0, END_KIND, EMPTY_BYTES);
    const references = this.#writeSegments(entries);
    let before: Row | undefined;
    for (const { index, term, kind, data } of entries) {
      if (this.#terms.at(-1)?.term !== term) this.#terms.push({ from: index, term });
      if (before !== undefined) this.#put.run(...before);
      const [code, reference] = [entryKindCode(kind), references.get(index)];
      before = reference === undefined ? this.#rowOf(index, term, code, data) : this.#referenceRow(index, term, code, reference);
    }
    if (before === undefined) this.#put.run(...end);
    else this.#putTwo.run(...before, ...end);
  }

  /**
   * The term of the entry up to which the log is compacted; for an entry that was appended since the file was opened, without reading its
   * data.
   * @throws {StorageError} when the entry is damaged or missing.
   */
  compactedTerm(index: LogIndex): Term {
    while ((this.#terms[1]?.from ?? index + 1) <= index) this.#terms.shift();
    const [first] = this.#terms;
    return first !== undefined && first.from <= index ? first.term : this.entryAt(index).term;
  }

  /**
   * Where one transaction should begin its deletion when all entries from `from` to `last` are to be deleted: it includes at least the last
   * one.
   */
  truncationStart(from: LogIndex, last: LogIndex): LogIndex {
    let start: number = last;
    let bytes = 0;
    for (const [position, length] of this.#sizesFromEnd.all(from, last, TRUNCATED_ROWS)) {
      bytes += length;
      if (bytes > DELETED_BYTES) break;
      start = position;
    }
    return asIndex(start);
  }

  /** Deletes the rows after `index`, where the log now ends. */
  endAt(index: LogIndex): void {
    this.append(asIndex(index + 1), [], false);
  }

  /** Adds the end row to a log of version 1, which had none. @throws {StorageError} on a damaged last row. */
  migrateFrom1(compacted: LogIndex): void {
    const last = this.#last.get();
    this.endAt(asIndex(Math.max(compacted, last === undefined ? 0 : this.checked(last).position)));
  }

  /** Whether an append may also delete or move other entries. */
  get isReclaiming(): boolean {
    return this.#hasDeadRows || this.#segments.isEmptying;
  }

  /** From now on there may be rows at or before `compacted`. */
  markDead(): void {
    this.#hasDeadRows = true;
  }

  /** The whole checkpoint that kept entries is replaced. */
  releaseAll(): void {
    this.#reclaimedTo = 0;
    this.#hasDeadRows = true;
  }

  /** The checkpoint no longer keeps this entry. */
  release(position: number): void {
    if (this.#deleteReleased.run(position, this.#reclaimedTo).changes > 0) this.#segments.release(position);
  }

  /** Called before anything else: reads what is in segments. @throws {StorageError} on damage. */
  adoptReferences(db: Database): void {
    const version = Number(db.pragma('user_version', { simple: true }));
    this.#segments.adopt(isSegmentVersion(version) ? this.#referencesIn(db) : []);
  }

  /** Deletes dead rows, more than were `appended` in this transaction: their number falls under any load. */
  reclaim(compacted: LogIndex, appended: readonly Entry[]): void {
    if (!this.#hasDeadRows) return;
    const rowsMax = Math.max(DELETED_ROWS, Math.ceil(APPENDED_SHARE * appended.length));
    const rows = this.#sizes.all(this.#reclaimedTo, compacted, rowsMax);
    const appendedBytes = appended.reduce((sum, entry) => sum + entry.data.length, 0);
    const bytesMax = Math.max(DELETED_BYTES, APPENDED_SHARE * appendedBytes);
    let upTo = 0;
    let bytes = 0;
    for (const [position, length] of rows) {
      if (bytes > bytesMax) break;
      upTo = position;
      bytes += length;
    }
    this.#hasDeadRows = upTo > 0;
    if (upTo === 0) return;
    if (!this.#segments.isEmpty) for (const index of this.#deadReferences.all(this.#reclaimedTo, upTo)) this.#segments.release(index);
    this.#deleteDead.run(this.#reclaimedTo, upTo);
    this.#reclaimedTo = upTo;
  }

  /** With a checkpoint: chooses a segment to be emptied. */
  chooseSparse(): void {
    this.#segments.chooseSparse();
  }

  /**
   * Writes entries of the segment that is being emptied to another one, as much as was appended to segments in this transaction: the sizes of
   * turns and of the file are then bounded under any load. @throws {StorageError} on damage.
   */
  moveSparse(appended: readonly Entry[]): void {
    if (!this.#segments.isEmptying) return;
    const bytesMax = appended.reduce((sum, { kind, data }) => sum + (isLarge(kind, data) ? data.length : 0), 0);
    if (bytesMax === 0) return;
    const moved = this.#segments.sparseEntries(bytesMax).map(({ index, reference }) => this.#stored(index, reference));
    for (const { index } of moved) this.#segments.release(index);
    for (const [at, reference] of this.#segments.write(moved).entries()) {
      const { index, term, kind } = moved[at] as StoredEntry;
      this.#put.run(...this.#referenceRow(index, term, kind, reference));
    }
  }

  *#referencesIn(db: Database): Generator<[number, SegmentReference]> {
    const scan = db
      .prepare<[], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry WHERE kind & ${REFERENCE_FLAG} AND kind <> ${END_KIND}`)
      .raw();
    for (const row of scan.iterate()) yield this.referenceOf(row);
  }

  #stored(index: number, reference: SegmentReference): StoredEntry {
    const [term, flagged] = this.#columns.get(index) ?? [];
    if (term === undefined || flagged === undefined || !hasReference(flagged))
      throw damaged(this.file, `entry ${index} of the log is missing`);
    const kind = flagged - REFERENCE_FLAG;
    return { index, term, kind, stored: this.referredTo(index, term, kind, reference), checksum: reference.checksum };
  }

  /** @returns where the data of large entries is, by their index. */
  #writeSegments(entries: readonly Entry[]): ReadonlyMap<number, SegmentReference> {
    const parts: SegmentPart[] = [];
    for (const { index, term, kind, data } of entries) {
      if (!isLarge(kind, data)) continue;
      const code = entryKindCode(kind);
      const stored = this.rows.sealEntry(index, term, code, data);
      parts.push({ index, stored, checksum: this.rows.checksum.entry(index, term, code, stored) });
    }
    if (parts.length === 0) return NO_REFERENCES;
    return new Map(this.#segments.write(parts).map((reference, at) => [(parts[at] as SegmentPart).index, reference]));
  }

  #referenceRow(position: number, term: number, kind: number, reference: SegmentReference): Row {
    const bytes = encodeReference(reference);
    const flagged = kind + REFERENCE_FLAG;
    return [position, term, flagged, bytes, this.rows.checksum.entry(position, term, flagged, bytes)];
  }

  #rowOf(position: number, term: number, kind: number, data: Uint8Array): Row {
    const stored = this.rows.sealEntry(position, term, kind, data);
    return [position, term, kind, stored, this.rows.checksum.entry(position, term, kind, stored)];
  }
}

/** Whether the data of an entry goes to a segment. */
export const isLarge = (kind: Entry['kind'], data: Uint8Array): boolean => kind === 'command' && data.length >= SEGMENT_ENTRY_BYTES_MIN;
