import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { openSqlite } from '../files/sqlite.ts';
import { syncDirectory } from '../files/sync-directory.ts';
import { keyMissing } from './errors.ts';
import { type CheckedRow, ENTRY_COLUMNS, type EntryRow, LogReads } from './log-reads.ts';
import { MetaTable } from './meta-table.ts';
import { RecordReads, RecordTable } from './record-table.ts';
import { kindTag } from './row-checksum.ts';
import type { FileIdentity } from './row-codec.ts';
import { RowSeal } from './row-seal.ts';
import { SegmentReads, segmentNumbers, segmentPath } from './segment-files.ts';
import { ENTRY_SQL, META_SQL, markAsOurs, PAGE_BYTES, recordTableName, recordTableSql, tableNames } from './tables.ts';

/** @throws {StorageError} STORAGE_KEY_MISSING */
export function checkKey(file: string, { encryptionKey }: FileIdentity, keys: EncryptionKeys | undefined): void {
  const given = (keys ?? []).map(({ id }) => id);
  if (encryptionKey !== undefined && !given.includes(encryptionKey)) throw keyMissing(file, encryptionKey, given);
}

/** The rows of a file, as its identity says that they are stored. */
export const sealOf = (file: string, { encryptionKey }: FileIdentity, keys: EncryptionKeys | undefined): RowSeal =>
  new RowSeal(file, encryptionKey === undefined ? undefined : keys);

/** Whether the file has to be rewritten: all its values are encrypted with one key, the first one. */
export const isRewriteDue = ({ encryptionKey }: FileIdentity, keys: EncryptionKeys | undefined): boolean =>
  keys !== undefined && encryptionKey !== keys[0].id;

export interface RewriteOptions {
  readonly file: string;
  readonly keys: EncryptionKeys;
  /** See `SqliteStorageOptions`. */
  readonly entryKind?: string | undefined;
}

/** SQLite keeps files beside its own one; it opens some even where nothing is written to them. */
const BESIDE = ['', '-journal', '-wal', '-shm'];

/** Left by a stop in the middle. */
export function removeUnfinished(file: string): void {
  for (const suffix of BESIDE) rmSync(unfinishedOf(file) + suffix, { force: true });
}

const unfinishedOf = (file: string): string => `${file}.rewriting`;

/**
 * Rewrites a file with all values encrypted with the first key. The new file then takes the old one's place, so that a stop at any time
 * leaves the one or the other, and no page of the new one was ever written with other contents. Needs the space of the data once more.
 * @param db the old file, checked; closed at the end. @throws {StorageError} on damage; an error of SQLite or of the file system.
 */
export function rewriteFile(db: Database, { file, keys, entryKind }: RewriteOptions): void {
  const unfinished = unfinishedOf(file);
  removeUnfinished(file);
  const identity = new MetaTable(db, file, new RowSeal(file, undefined)).identity();
  using segments = new SegmentReads(file);
  const from = { db, file, rows: sealOf(file, identity, keys), segments };
  try {
    const copy = openSqlite(unfinished, {});
    try {
      chmodSync(unfinished, statSync(file).mode);
      for (const pragma of [`page_size = ${PAGE_BYTES}`, 'journal_mode = OFF', 'synchronous = OFF']) copy.pragma(pragma);
      copyRows(from, { db: copy, file: unfinished, rows: new RowSeal(unfinished, keys), segments }, keys[0].id, entryKind);
    } finally {
      copy.close();
    }
    sync(unfinished);
    closeForGood(from, identity);
    renameSync(unfinished, file);
    syncDirectory(dirname(resolve(file)));
    // The new file has everything itself.
    for (const number of segmentNumbers(file)) rmSync(segmentPath(file, number), { force: true });
  } catch (error) {
    removeUnfinished(file);
    throw error;
  }
}

const RECORDS = recordTableName('');

interface Side {
  readonly db: Database;
  readonly file: string;
  readonly rows: RowSeal;
  readonly segments: SegmentReads;
}

function copyRows(from: Side, to: Side, encryptionKey: string, entryKind: string | undefined): void {
  to.db.transaction(() => {
    to.db.exec(`${ENTRY_SQL}; ${META_SQL}`);
    markAsOurs(to.db, { encryptionKey });
    const { hardState, checkpoint, compacted, identity } = new MetaTable(from.db, from.file, from.rows).read();
    const { isOpen: _, hasSegments: __, ...closed } = identity;
    const meta = new MetaTable(to.db, to.file, to.rows);
    meta.create({ ...closed, encryptionKey });
    meta.putHardState(hardState);
    meta.putCompacted(compacted);
    if (checkpoint !== undefined) meta.putCheckpoint(checkpoint);
    copyEntries(from, to);
    const kinds = [...tableNames(from.db)].filter((table) => table.startsWith(RECORDS)).map((table) => table.slice(RECORDS.length));
    for (const kind of kinds) copyRecords(kind, from, to, kind === entryKind);
  })();
}

function copyEntries(from: Side, to: Side): void {
  const insert = to.db.prepare(`INSERT INTO entry (${ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?)`);
  for (const { position, term, kind, data } of new LogScan(from.db, from.file, from.rows, from.segments).all(from.db)) {
    const stored = to.rows.sealEntry(position, term, kind, data);
    insert.run(position, term, kind, stored, to.rows.checksum.entry(position, term, kind, stored));
  }
}

function copyRecords(kind: string, from: Side, to: Side, isEntries: boolean): void {
  const table = recordTableName(kind);
  const of = ({ db, file, rows, segments }: Side) => ({
    ...{ db, file, table, kind, tag: kindTag(kind), rows },
    ...(isEntries ? { log: new LogReads(db, file, rows, segments) } : {}),
  });
  to.db.exec(recordTableSql(table));
  const written = new RecordTable(of(to));
  for (const { key, value } of new RecordReads(of(from)).all()) written.put(key, value);
}

class LogScan extends LogReads {
  *all(db: Database): Generator<CheckedRow> {
    const scan = db.prepare<[], EntryRow>(`SELECT ${ENTRY_COLUMNS} FROM entry ORDER BY position`).raw();
    for (const row of scan.iterate()) yield this.checked(row);
  }
}

function sync(file: string): void {
  const descriptor = openSync(file, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The old file without a WAL, since the new one must not get the frames of the old one. Without the mark of an open file it may lack it.
 * Leaving the WAL mode fails while any other connection reads the file, as a backup may.
 */
function closeForGood({ db, file, rows }: Side, { isOpen: _, ...closed }: FileIdentity): void {
  db.pragma('synchronous = FULL');
  new MetaTable(db, file, rows).putIdentity(closed);
  db.pragma('journal_mode = DELETE');
  db.close();
}
