import type { Database } from 'better-sqlite3';
import { asDiskId, ZERO_ENTRY } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { openSqlite } from '../files/sqlite.ts';
import { closeWithoutCheckpoint } from './close-without-checkpoint.ts';
import { StorageError } from './errors.ts';
import { checkHeader, checkStructure, checkTables } from './file-check.ts';
import { checkClaims, type FileClaims, openedOrigin } from './file-origin.ts';
import { giveSpaceBack } from './give-space-back.ts';
import { LogTable } from './log-table.ts';
import { MetaTable } from './meta-table.ts';
import { migrate } from './migration.ts';
import { checkKey, isRewriteDue, removeUnfinished, rewriteFile } from './rewrite-file.ts';
import { type FileIdentity, NO_ORIGIN } from './row-codec.ts';
import { RowSeal } from './row-seal.ts';
import { isEncryptedVersion, LATEST_SCHEMA_VERSION, SCHEMA_VERSION } from './schema-version.ts';
import { Segments } from './segments.ts';
import { damaged, storageErrorOf } from './sqlite-errors.ts';
import {
  APPLICATION_ID,
  ENTRY_SQL,
  META_SQL,
  markAsOurs,
  PAGE_BYTES,
  recordTableName,
  recordTableSql,
  tableNames,
  tableSqlOf,
} from './tables.ts';
import { walMissing } from './wal-check.ts';

/**
 * The commit that grows the WAL to this size also writes it back into the file (fsync of both), which is the longest wait of a turn for
 * SQLite. Longest commit with 1 MiB entries: 1 MiB 3.7 ms, 4 MiB 6.8 ms, 8 MiB 12 ms, 16 MiB 20 ms; a short WAL is written back more often
 * (1 MiB entries: 324, 375, 334 and 358 MB/s). 4 MiB stays well below a heartbeat. A failure of this write-back is harmless and is retried
 * with the next commit: its pages are still in the WAL, synced.
 */
const WAL_CHECKPOINT_BYTES = 4 * 1024 * 1024;
/** How long another program, such as the sqlite3 shell, may hold a lock before the node fails. */
const BUSY_TIMEOUT_MS = 1000;

export interface DatabaseOptions extends FileClaims {
  readonly file: string;
  readonly recordKinds: readonly string[];
  readonly durability: 'full' | 'off';
  readonly fileBytesMax?: number;
  readonly newDiskId: number;
  /** With keys all values of the file are encrypted with the first one; a file whose values are not is rewritten. */
  readonly keys?: EncryptionKeys | undefined;
  /** See `SqliteStorageOptions`. */
  readonly entryKind?: string;
  /** The rows, encrypted if there are keys. */
  readonly rows: RowSeal;
  /** Whether the file had a WAL before it was opened. */
  readonly hasWal: boolean;
}

/**
 * Opens the node's database and migrates its tables to this version.
 * @throws {StorageError} STORAGE_SCHEMA when a newer version wrote it, STORAGE_DAMAGED when it is not jobraft's, STORAGE_FOREIGN and
 * STORAGE_ROLLED_BACK when it is not the expected file, STORAGE_KEY_MISSING when it is encrypted with another key.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { file, recordKinds, durability, fileBytesMax } = options;
  for (const kind of recordKinds) {
    invariant(/^[a-z][a-z0-9_-]*$/.test(kind), () => `"${kind}" cannot be the name of a record kind: use a-z, 0-9, "-" and "_"`);
  }
  let db: Database | undefined;
  try {
    removeUnfinished(file);
    db = openFile(file);
    let version = versionOf(db, options);
    if (version > 0 && rewritten(db, version, options)) {
      db = openFile(file);
      version = versionOf(db, options);
    }
    db.pragma('journal_mode = WAL');
    db.pragma(`synchronous = ${durability === 'full' ? 'FULL' : 'OFF'}`);
    // The WAL keeps its size when it starts over: a commit then overwrites allocated blocks, and its fsync writes no new file size to the
    // journal. Growth by a checkpoint reader or a large checkpoint is returned to the disk.
    db.pragma(`journal_size_limit = ${4 * WAL_CHECKPOINT_BYTES}`);
    const pageBytes = Number(db.pragma('page_size', { simple: true }));
    db.pragma(`wal_autocheckpoint = ${Math.max(1, Math.floor(WAL_CHECKPOINT_BYTES / pageBytes))}`);
    if (fileBytesMax !== undefined) db.pragma(`max_page_count = ${Math.max(1, Math.floor(fileBytesMax / pageBytes))}`);
    createTables(db, version, options);
    checkKinds(db, options);
    giveSpaceBack(db);
    // A new generation of the WAL for every open; see checkWal. Also writes the mark of an open file into the file itself.
    db.pragma('wal_checkpoint(RESTART)');
    return db;
  } catch (error) {
    // The WAL stays, also of a file that is rejected: without it one that was open when its process ended counts as damaged.
    if (db?.open === true) closeWithoutCheckpoint(db, file);
    throw storageErrorOf(error, file, 'open the data file');
  }
}

function openFile(file: string): Database {
  checkHeader(file, APPLICATION_ID);
  const db = openSqlite(file, { timeout: BUSY_TIMEOUT_MS });
  db.pragma(`page_size = ${PAGE_BYTES}`);
  db.pragma('cell_size_check = ON');
  db.pragma('trusted_schema = OFF');
  return db;
}

/** Encrypts all values with the first key, if they are not. @returns whether it did; the database is closed then. */
function rewritten(db: Database, version: number, options: DatabaseOptions): boolean {
  const { file, keys, entryKind } = options;
  if (keys === undefined) return false;
  const plain = new RowSeal(file, undefined);
  // A file of an earlier version is not encrypted.
  if (version < SCHEMA_VERSION) db.transaction(() => migrate(db, file, version, plain)).immediate();
  const identity = new MetaTable(db, file, plain).identity();
  if (!isRewriteDue(identity, keys)) return false;
  checkIdentity(identity, options);
  rewriteFile(db, { file, keys, entryKind });
  return true;
}

/** @throws {StorageError} for a file that must be neither served nor changed. */
function checkIdentity(identity: FileIdentity, options: DatabaseOptions): void {
  if (identity.isOpen === true && !options.hasWal) throw walMissing(options.file);
  checkClaims(options.file, identity, options);
}

/** @returns 0 for a new file. */
function versionOf(db: Database, { file, rows, keys }: DatabaseOptions): number {
  const version = Number(db.pragma('user_version', { simple: true }));
  const application = Number(db.pragma('application_id', { simple: true }));
  if (version === 0 && application === 0 && db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0) return 0;
  if (application !== APPLICATION_ID || version === 0) throw damaged(file, 'it is a database, but not one of jobraft');
  // First: with a damaged length better-sqlite3 allocates as much, which ends the process.
  checkStructure(db, file);
  // Of a newer version only the identity is known.
  if (version <= LATEST_SCHEMA_VERSION) checkTables(db, file, ['entry', 'meta'], tableSqlOf);
  const meta = new MetaTable(db, file, rows);
  const written = meta.schemaVersion();
  if (written !== version) throw damaged(file, `its header gives the version ${version}, and its rows are of version ${written}`);
  if (version > LATEST_SCHEMA_VERSION) {
    throw new StorageError(
      'STORAGE_SCHEMA',
      `${file} was written by a newer version of jobraft (schema ${version}; this one knows ${LATEST_SCHEMA_VERSION}). Install that version again.`,
    );
  }
  if (isEncryptedVersion(version)) checkKey(file, meta.identity(), keys);
  return version;
}

function createTables(db: Database, version: number, options: DatabaseOptions): void {
  const { file, recordKinds, newDiskId, rows, keys, life } = options;
  const tables = tableNames(db);
  db.transaction(() => {
    if (version === 0) {
      db.exec(`${ENTRY_SQL}; ${META_SQL}`);
      const encryption = keys === undefined ? {} : { encryptionKey: keys[0].id };
      markAsOurs(db, encryption);
      new MetaTable(db, file, rows).create({ disk: asDiskId(newDiskId), origin: NO_ORIGIN, ...encryption });
      new LogTable(db, file, rows, new Segments({ file, isSynced: false })).endAt(ZERO_ENTRY.index);
    } else if (version < SCHEMA_VERSION) {
      migrate(db, file, version, rows);
    }
    const meta = new MetaTable(db, file, rows);
    const { identity } = meta.read();
    checkIdentity(identity, options);
    if (options.origin !== undefined || options.life !== undefined)
      meta.putIdentity({ ...identity, origin: openedOrigin(identity, options), isOpen: life !== undefined });
    for (const kind of recordKinds) {
      if (!tables.has(recordTableName(kind))) db.exec(recordTableSql(recordTableName(kind)));
    }
    // Left by a stop in the middle of a snapshot, or dropped and not yet deleted.
    for (const table of tables) if (table.startsWith('staged_')) db.exec(`DROP TABLE "${table}"`);
  }).immediate();
}

/** An unknown kind holds state that this version would silently omit. */
function checkKinds(db: Database, { file, recordKinds, rows }: DatabaseOptions): void {
  const known = new Set(recordKinds.map(recordTableName));
  for (const table of tableNames(db)) {
    if (!table.startsWith('record_') || known.has(table)) continue;
    if (db.prepare(`SELECT 1 FROM "${table}" LIMIT 1`).get() === undefined) continue;
    const kind = table.slice('record_'.length);
    const { checkpoint } = new MetaTable(db, file, rows).read();
    if (!checkpoint?.counts.some((count) => count.kind === kind))
      throw damaged(file, `its checkpoint has no records of the kind "${kind}"`);
    throw new StorageError(
      'STORAGE_SCHEMA',
      `${file} holds records of the kind "${kind}", which this version of jobraft does not know. Install the version that wrote it.`,
    );
  }
}
