import type { Database, Statement } from 'better-sqlite3';
import { asIndex, asTerm, type LogIndex, type Term } from '../base/ids.ts';
import { EMPTY_BYTES, type Entry } from '../raft/entry.ts';
import { blobOf } from './record-table.ts';
import type { RowChecksum } from './row-checksum.ts';
import { entryKindCode, entryKindOf } from './row-codec.ts';
import { damaged } from './sqlite-errors.ts';

type EntryRow = [position: unknown, term: unknown, kind: unknown, data: unknown, checksum: unknown];

/** A row whose checksum is right: an entry, or the end row. */
interface CheckedRow {
  readonly position: number;
  readonly term: number;
  readonly kind: number;
  readonly data: Uint8Array;
}

/**
 * How much of a compacted log one transaction deletes at least. Freeing a large row reads each of its pages, so the
 * deletion of a long log in one turn would silence the node for longer than an election takes.
 */
const RECLAIM_ROWS = 1024;
const RECLAIM_BYTES = 4 * 1024 * 1024;

/**
 * The kind of the row behind the last entry. A log that lost its last rows would otherwise look like one that never had
 * them, and the node would have forgotten what it acknowledged. It lies on the last entry's page, so it costs no write.
 */
const END_KIND = 255;

/** The log's rows. Those at or before `compacted` are dead: never read again, and deleted a little in each turn. */
export class LogTable {
  readonly #file: string;
  readonly #checksum: RowChecksum;
  readonly #insert: Statement<[number, number, number, Uint8Array, number]>;
  readonly #deleteFrom: Statement<[number]>;
  readonly #deleteUpTo: Statement<[number]>;
  readonly #after: Statement<[number], EntryRow>;
  readonly #get: Statement<[number], EntryRow>;
  readonly #last: Statement<[], EntryRow>;
  readonly #sizes: Statement<[number, number], [position: number, bytes: number]>;
  #hasDeadRows = true;

  constructor(db: Database, file: string, checksum: RowChecksum) {
    this.#file = file;
    this.#checksum = checksum;
    const columns = 'position, term, kind, data, checksum';
    this.#insert = db.prepare(`INSERT INTO entry (${columns}) VALUES (?, ?, ?, ?, ?)`);
    this.#deleteFrom = db.prepare('DELETE FROM entry WHERE position >= ?');
    this.#deleteUpTo = db.prepare('DELETE FROM entry WHERE position <= ?');
    this.#after = db.prepare<[number], EntryRow>(`SELECT ${columns} FROM entry WHERE position > ? ORDER BY position`).raw();
    this.#get = db.prepare<[number], EntryRow>(`SELECT ${columns} FROM entry WHERE position = ?`).raw();
    this.#last = db.prepare<[], EntryRow>(`SELECT ${columns} FROM entry ORDER BY position DESC LIMIT 1`).raw();
    // The length of a blob stands in its row's header: its pages are not read.
    this.#sizes = db
      .prepare<[number, number], [number, number]>('SELECT position, length(data) FROM entry WHERE position <= ? ORDER BY position LIMIT ?')
      .raw();
  }

  /** @throws {StorageError} on a damaged row, on a gap, and when the end is missing. */
  readAfter(compacted: LogIndex): Entry[] {
    const entries: Entry[] = [];
    let expected = compacted + 1;
    let hasEnd = false;
    for (const columns of this.#after.iterate(compacted)) {
      const row = this.#checked(columns);
      const { position } = row;
      if (hasEnd) throw damaged(this.#file, `row ${position} stands behind the end of the log`);
      if (position !== expected) {
        const missing = `entry ${expected} of the log is missing`;
        throw damaged(
          this.#file,
          row.kind === END_KIND ? `${missing}, which ends at ${position - 1}` : `${missing}, and entry ${position} follows`,
        );
      }
      if (row.kind === END_KIND) hasEnd = true;
      else entries.push(this.#entryOf(row));
      expected += 1;
    }
    if (!hasEnd) throw damaged(this.#file, `row ${expected} of the log is missing, be it an entry or the end row`);
    return entries;
  }

  /** @throws {StorageError} when the end row is not where it must be. */
  lastAfter(compacted: LogIndex): LogIndex {
    const columns = this.#last.get();
    const row = columns === undefined ? undefined : this.#checked(columns);
    if (row === undefined || row.kind !== END_KIND || row.position <= compacted) {
      throw damaged(this.#file, `the end row of the log is missing behind ${row?.position ?? compacted}`);
    }
    return asIndex(row.position - 1);
  }

  /** @throws {StorageError} when the entry is damaged or missing. */
  termAt(index: LogIndex): Term {
    const row = this.#get.get(index);
    if (row === undefined) throw damaged(this.#file, `entry ${index} of the log is missing`);
    return this.#entryOf(this.#checked(row)).term;
  }

  append(from: LogIndex, entries: readonly Entry[]): void {
    // The end row at least, and the suffix that conflicts.
    this.#deleteFrom.run(from);
    for (const { index, term, kind, data } of entries) this.#put(index, term, entryKindCode(kind), data);
    this.#put(from + entries.length, 0, END_KIND, EMPTY_BYTES);
  }

  /** Deletes what stands behind `index`, where the log now ends. */
  endAt(index: LogIndex): void {
    this.append(asIndex(index + 1), []);
  }

  /** Closes the log of version 1, which had no end row. @throws {StorageError} on a damaged last row. */
  migrateFrom1(compacted: LogIndex): void {
    const last = this.#last.get();
    this.endAt(asIndex(Math.max(compacted, last === undefined ? 0 : this.#checked(last).position)));
  }

  /** From now on there may be rows at or before `compacted`. */
  markDead(): void {
    this.#hasDeadRows = true;
  }

  /** Deletes dead rows, more than were `appended` in this transaction: the dead become fewer whatever the load. */
  reclaim(compacted: LogIndex, appended: readonly Entry[]): void {
    if (!this.#hasDeadRows) return;
    const rows = this.#sizes.all(compacted, RECLAIM_ROWS + 2 * appended.length);
    const bytesMax = appended.reduce((sum, entry) => sum + 2 * entry.data.length, RECLAIM_BYTES);
    let upTo = 0;
    let bytes = 0;
    for (const [position, length] of rows) {
      if (bytes > bytesMax) break;
      upTo = position;
      bytes += length;
    }
    if (upTo > 0) this.#deleteUpTo.run(upTo);
    this.#hasDeadRows = upTo > 0;
  }

  #put(position: number, term: number, kind: number, data: Uint8Array): void {
    this.#insert.run(position, term, kind, data, this.#checksum.entry(position, term, kind, data));
  }

  #checked([position, term, kind, blob, checksum]: EntryRow): CheckedRow {
    const data = blobOf(blob);
    if (typeof position !== 'number' || typeof term !== 'number' || typeof kind !== 'number' || data === undefined) {
      throw damaged(this.#file, `entry ${position} of the log is not of the type it was written in`);
    }
    // The checksum takes the kind as one byte.
    if ((kind !== END_KIND && entryKindOf(kind) === undefined) || this.#checksum.entry(position, term, kind, data) !== checksum) {
      throw damaged(this.#file, `entry ${position} of the log does not match its checksum`);
    }
    return { position, term, kind, data };
  }

  #entryOf({ position, term, kind: code, data }: CheckedRow): Entry {
    const kind = entryKindOf(code);
    if (kind === undefined) throw damaged(this.#file, `the log ends before entry ${position}`);
    return { index: asIndex(position), term: asTerm(term), kind, data };
  }
}
