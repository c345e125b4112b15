import type { Database, Statement } from 'better-sqlite3';
import { asIndex, asTerm, type LogIndex, type Term } from '../base/ids.ts';
import type { Entry } from '../raft/entry.ts';
import { plainBytes } from './record-table.ts';
import type { RowChecksum } from './row-checksum.ts';
import { entryKindCode, entryKindOf } from './row-codec.ts';
import { damaged } from './sqlite-errors.ts';

type EntryRow = [position: number, term: number, kind: number, data: Buffer, checksum: number];

/**
 * How much of a compacted log one transaction deletes at least. Freeing a large row reads each of its pages, so the
 * deletion of a long log in one turn would silence the node for longer than an election takes.
 */
const RECLAIM_ROWS = 1024;
const RECLAIM_BYTES = 4 * 1024 * 1024;

/** The log's rows. Those at or before `compacted` are dead: never read again, and deleted a little in each turn. */
export class LogTable {
  readonly #file: string;
  readonly #checksum: RowChecksum;
  readonly #insert: Statement<[number, number, number, Uint8Array, number]>;
  readonly #deleteFrom: Statement<[number]>;
  readonly #deleteUpTo: Statement<[number]>;
  readonly #after: Statement<[number], EntryRow>;
  readonly #get: Statement<[number], EntryRow>;
  readonly #last: Statement<[], number>;
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
    this.#last = db.prepare<[], number>('SELECT coalesce(max(position), 0) FROM entry').pluck();
    // The length of a blob stands in its row's header: its pages are not read.
    this.#sizes = db
      .prepare<[number, number], [number, number]>('SELECT position, length(data) FROM entry WHERE position <= ? ORDER BY position LIMIT ?')
      .raw();
  }

  /** @throws {StorageError} on a damaged row and on a gap. */
  readAfter(compacted: LogIndex): Entry[] {
    const entries: Entry[] = [];
    let expected = compacted + 1;
    for (const row of this.#after.iterate(compacted)) {
      if (row[0] !== expected) throw damaged(this.#file, `entry ${expected} of the log is missing, and entry ${row[0]} follows`);
      entries.push(this.#checked(row));
      expected += 1;
    }
    return entries;
  }

  lastAfter(compacted: LogIndex): LogIndex {
    return asIndex(Math.max(compacted, this.#last.get() ?? 0));
  }

  /** @throws {StorageError} when the entry is damaged or missing. */
  termAt(index: LogIndex): Term {
    const row = this.#get.get(index);
    if (row === undefined) throw damaged(this.#file, `entry ${index} of the log is missing`);
    return this.#checked(row).term;
  }

  /** @param last where the stored log ends: nothing is deleted when nothing can be there. */
  append(from: LogIndex, entries: readonly Entry[], last: LogIndex): void {
    if (from <= last) this.#deleteFrom.run(from);
    for (const { index, term, kind, data } of entries) {
      const code = entryKindCode(kind);
      this.#insert.run(index, term, code, data, this.#checksum.entry(index, term, code, data));
    }
  }

  deleteAfter(index: LogIndex): void {
    this.#deleteFrom.run(index + 1);
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

  #checked([position, term, kindCode, buffer, checksum]: EntryRow): Entry {
    const data = plainBytes(buffer);
    const kind = entryKindOf(kindCode);
    if (kind === undefined || this.#checksum.entry(position, term, kindCode, data) !== checksum) {
      throw damaged(this.#file, `entry ${position} of the log does not match its checksum`);
    }
    return { index: asIndex(position), term: asTerm(term), kind, data };
  }
}
