import { existsSync, rmSync, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { asIndex, asTerm, type EntryId } from '../base/ids.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { openSqlite } from '../files/sqlite.ts';
import { configurationIn } from '../raft/configuration-codec.ts';
import type { Configuration } from '../raft/entry.ts';
import { checkHeader, checkTables } from './file-check.ts';
import { openFileLock } from './file-lock.ts';
import { LogReads } from './log-reads.ts';
import { MetaTable } from './meta-table.ts';
import { checkKey, sealOf } from './rewrite-file.ts';
import { END_KIND, entryKindCode, type FileIdentity } from './row-codec.ts';
import { RowSeal } from './row-seal.ts';
import { LATEST_SCHEMA_VERSION } from './schema-version.ts';
import { SegmentReads } from './segment-files.ts';
import { damaged, storageErrorOf } from './sqlite-errors.ts';
import { APPLICATION_ID, tableSqlOf } from './tables.ts';
import { checkWal, hasWal, walMissing } from './wal-check.ts';

/** No row of `meta` and no configuration is larger. A damaged length may be larger, and is not read: it could take all memory. */
const READ_BYTES_MAX = 1024 * 1024;

/** A node's file as far as it describes the cluster, read without changing it. */
export interface FileSurvey extends FileIdentity {
  /** The latest one in the log or the checkpoint; undefined where there is none yet. */
  readonly configuration: Configuration | undefined;
  /** The last entry of the log. */
  readonly last: EntryId;
}

/**
 * Reads what a file that no node has open contains about its cluster: the identity and the latest configuration. Most of the log and the
 * checkpoint are neither read nor checked, so a surveyed file may still be damaged.
 * @param keys of an encrypted file.
 * @returns undefined for a file without contents: missing, empty, or left by a stop while it was being created.
 * @throws {StorageError} STORAGE_IN_USE, or the error that keeps the file from being read.
 */
export function surveyFile(file: string, keys?: EncryptionKeys): FileSurvey | undefined {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return undefined;
  const lock = openFileLock(file);
  const [wal, shm] = [`${file}-wal`, `${file}-shm`];
  const [hadWal, isWalWritten] = [existsSync(wal), hasWal(file)];
  try {
    checkWal(file);
    checkHeader(file, APPLICATION_ID);
    // A read-only connection never writes the WAL back.
    const db = openSqlite(file, { readonly: true, fileMustExist: true, timeout: 0 });
    try {
      const survey = readSurvey(db, file, keys);
      if (survey?.isOpen === true && !isWalWritten) throw walMissing(file);
      return survey;
    } finally {
      db.close();
    }
  } catch (error) {
    throw storageErrorOf(error, file, 'read the identity of the file');
  } finally {
    // The reader created an empty one.
    if (!hadWal) for (const made of [wal, shm]) rmSync(made, { force: true });
    lock[Symbol.dispose]();
  }
}

function readSurvey(db: Database, file: string, keys: EncryptionKeys | undefined): FileSurvey | undefined {
  db.pragma('cell_size_check = ON');
  db.pragma('trusted_schema = OFF');
  const version = Number(db.pragma('user_version', { simple: true }));
  const application = Number(db.pragma('application_id', { simple: true }));
  if (version === 0 && application === 0 && db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0) return undefined;
  // Version 1 had no identity.
  if (application !== APPLICATION_ID || version < 2 || version > LATEST_SCHEMA_VERSION)
    throw damaged(file, `it is not a file of jobraft of schema 2 to ${LATEST_SCHEMA_VERSION}`);
  checkTables(db, file, ['entry', 'meta'], tableSqlOf);
  const tooLong = db.prepare('SELECT id FROM meta WHERE length(value) > ?').pluck().get(READ_BYTES_MAX);
  if (tooLong !== undefined) throw damaged(file, `the row ${tooLong} of the table "meta" is too long`);
  const written = new MetaTable(db, file, new RowSeal(file, undefined)).identity();
  checkKey(file, written, keys);
  const rows = sealOf(file, written, keys);
  const { identity, checkpoint, compacted } = new MetaTable(db, file, rows).read();
  // A configuration is never in one.
  using segments = new SegmentReads(file);
  const log = new LogReads(db, file, rows, segments);
  const position = db
    .prepare('SELECT position FROM entry WHERE kind = ? AND position > ? AND length(data) <= ? ORDER BY position DESC LIMIT 1')
    .pluck()
    .get(entryKindCode('configuration'), compacted.index, READ_BYTES_MAX);
  const entry = typeof position === 'number' ? log.entryAt(asIndex(position)) : undefined;
  const configuration = entry === undefined ? checkpoint?.snapshot.configuration : configurationIn(entry);
  return { ...identity, configuration, last: lastOf(db, compacted) };
}

/** Read from the columns, without a check. */
function lastOf(db: Database, compacted: EntryId): EntryId {
  const row = db
    .prepare('SELECT position, term FROM entry WHERE position > ? AND kind <> ? ORDER BY position DESC LIMIT 1')
    .raw()
    .get(compacted.index, END_KIND);
  const [position, term] = Array.isArray(row) ? row : [];
  return typeof position === 'number' && typeof term === 'number' ? { index: asIndex(position), term: asTerm(term) } : compacted;
}
