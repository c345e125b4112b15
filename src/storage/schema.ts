import type { Database } from 'better-sqlite3';
import { asDiskId, ZERO_ENTRY } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import { closeWithoutCheckpoint } from './close-without-checkpoint.ts';
import { StorageError } from './errors.ts';
import { checkHeader, checkStructure, checkTables } from './file-check.ts';
import { checkClaims, type FileClaims, openedOrigin } from './file-origin.ts';
import { giveSpaceBack } from './give-space-back.ts';
import { LogTable } from './log-table.ts';
import { MetaTable } from './meta-table.ts';
import { migrate } from './migration.ts';
import type { RowChecksum } from './row-checksum.ts';
import { NO_ORIGIN } from './row-codec.ts';
import { SCHEMA_VERSION } from './schema-version.ts';
import { openSqlite } from './sqlite.ts';
import { damaged, storageErrorOf } from './sqlite-errors.ts';
import { walMissing } from './wal-check.ts';

/** Marks a database as jobraft's ("jrft"), for the `file` command and for other programs that open it. */
export const APPLICATION_ID = 0x6a726674;

/**
 * Measured on ext4 on a virtual disk (fsync of 4 KiB 0.2 ms), one entry a commit, checkpoints of the WAL included, WAL of 4 MiB, median /
 * longest in ms:
 *
 * | page   | 100 B       | 8 KiB       | 64 KiB       | 1 MiB      | 1 MiB entries | 1000 scattered records |
 * | 4 KiB  | 0.15 / 10.9 | 0.19 / 6.8  | 0.30 / 9.1   | 2.9 / 41   | 187 MB/s      | 20 ms                  |
 * | 8 KiB  | 0.13 / 4.0  | 0.20 / 5.9  | 0.23 / 11.0  | 2.3 / 8.6  | 293 MB/s      | 22 ms                  |
 * | 16 KiB | 0.15 / 2.3  | 0.19 / 3.0  | 0.26 / 3.8   | 1.8 / 6.8  | 375 MB/s      | 28 ms                  |
 *
 * Small commits cost the same, since they wait for the disk and not for the bytes; large entries have fewer pages to link and to
 * checkpoint. Scattered updates of a checkpoint are a little slower.
 */
const PAGE_BYTES = 16_384;
/**
 * The commit that grows the WAL to this size also writes it back into the file (fsync of both), which is the longest wait of a turn for
 * SQLite. Longest commit with 1 MiB entries: 1 MiB 3.7 ms, 4 MiB 6.8 ms, 8 MiB 12 ms, 16 MiB 20 ms; a short WAL is written back more often
 * (1 MiB entries: 324, 375, 334 and 358 MB/s). 4 MiB stays well below a heartbeat. A failure of this write-back is harmless and is retried
 * with the next commit: its pages are still in the WAL, synced.
 */
const WAL_CHECKPOINT_BYTES = 4 * 1024 * 1024;
/** How long another program, such as the sqlite3 shell, may hold a lock before the node fails. */
const BUSY_TIMEOUT_MS = 1000;

export const recordTableName = (kind: string): string => `record_${kind}`;
export const stagedTableName = (kind: string): string => `staged_${kind}`;
/** No kind begins with a digit. */
export const droppedTableName = (number: number): string => `staged_${number}`;
export const recordTableSql = (table: string): string =>
  `CREATE TABLE "${table}" (key INTEGER PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT`;

const ENTRY_SQL =
  'CREATE TABLE entry (position INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT';
const META_SQL = 'CREATE TABLE meta (id INTEGER PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT';

export function tableSqlOf(table: string): string | undefined {
  if (table === 'entry') return ENTRY_SQL;
  if (table === 'meta') return META_SQL;
  return /^(record|staged)_/.test(table) ? recordTableSql(table) : undefined;
}

export interface DatabaseOptions extends FileClaims {
  readonly file: string;
  readonly recordKinds: readonly string[];
  readonly durability: 'full' | 'off';
  readonly fileBytesMax?: number;
  readonly newDiskId: number;
  readonly checksum: RowChecksum;
  /** Whether the file had a WAL before it was opened. */
  readonly hasWal: boolean;
}

/**
 * Opens the node's database and migrates its tables to this version.
 * @throws {StorageError} STORAGE_SCHEMA when a newer version wrote it, STORAGE_DAMAGED when it is not jobraft's, STORAGE_FOREIGN and
 * STORAGE_ROLLED_BACK when it is not the expected file.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { file, recordKinds, durability, fileBytesMax } = options;
  for (const kind of recordKinds) {
    invariant(/^[a-z][a-z0-9_-]*$/.test(kind), () => `"${kind}" cannot be the name of a record kind: use a-z, 0-9, "-" and "_"`);
  }
  let db: Database | undefined;
  try {
    checkHeader(file, APPLICATION_ID);
    db = openSqlite(file, { timeout: BUSY_TIMEOUT_MS });
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('cell_size_check = ON');
    db.pragma('trusted_schema = OFF');
    const version = versionOf(db, options);
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
    if (db !== undefined) closeWithoutCheckpoint(db, file);
    throw storageErrorOf(error, file, 'open the data file');
  }
}

/** @returns 0 for a new file. */
function versionOf(db: Database, { file, checksum }: DatabaseOptions): number {
  const version = Number(db.pragma('user_version', { simple: true }));
  const application = Number(db.pragma('application_id', { simple: true }));
  if (version === 0 && application === 0 && db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0) return 0;
  if (application !== APPLICATION_ID || version === 0) throw damaged(file, 'it is a database, but not one of jobraft');
  // First: with a damaged length better-sqlite3 allocates as much, which ends the process.
  checkStructure(db, file);
  // Of a newer version only the identity is known.
  if (version <= SCHEMA_VERSION) checkTables(db, file, ['entry', 'meta'], tableSqlOf);
  const written = new MetaTable(db, file, checksum).schemaVersion();
  if (written !== version) throw damaged(file, `its header gives the version ${version}, and its rows are of version ${written}`);
  if (version > SCHEMA_VERSION) {
    throw new StorageError(
      'STORAGE_SCHEMA',
      `${file} was written by a newer version of jobraft (schema ${version}; this one knows ${SCHEMA_VERSION}). Install that version again.`,
    );
  }
  return version;
}

function createTables(db: Database, version: number, options: DatabaseOptions): void {
  const { file, recordKinds, newDiskId, checksum, life } = options;
  const tables = tableNames(db);
  db.transaction(() => {
    if (version === 0) {
      db.exec(`${ENTRY_SQL}; ${META_SQL}`);
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.pragma(`user_version = ${SCHEMA_VERSION}`);
      new MetaTable(db, file, checksum).create({ disk: asDiskId(newDiskId), origin: NO_ORIGIN });
      new LogTable(db, file, checksum).endAt(ZERO_ENTRY.index);
    } else if (version < SCHEMA_VERSION) {
      migrate(db, file, version, checksum);
    }
    const meta = new MetaTable(db, file, checksum);
    const { identity } = meta.read();
    if (identity.isOpen === true && !options.hasWal) throw walMissing(file);
    checkClaims(file, identity, options);
    if (options.origin !== undefined || options.life !== undefined)
      meta.putIdentity({ disk: identity.disk, origin: openedOrigin(identity, options), isOpen: life !== undefined });
    for (const kind of recordKinds) {
      if (!tables.has(recordTableName(kind))) db.exec(recordTableSql(recordTableName(kind)));
    }
    // Left by a stop in the middle of a snapshot, or dropped and not yet deleted.
    for (const table of tables) if (table.startsWith('staged_')) db.exec(`DROP TABLE "${table}"`);
  }).immediate();
}

/** An unknown kind holds state that this version would silently omit. */
function checkKinds(db: Database, { file, recordKinds, checksum }: DatabaseOptions): void {
  const known = new Set(recordKinds.map(recordTableName));
  for (const table of tableNames(db)) {
    if (!table.startsWith('record_') || known.has(table)) continue;
    if (db.prepare(`SELECT 1 FROM "${table}" LIMIT 1`).get() === undefined) continue;
    const kind = table.slice('record_'.length);
    const { checkpoint } = new MetaTable(db, file, checksum).read();
    if (!checkpoint?.counts.some((count) => count.kind === kind))
      throw damaged(file, `its checkpoint has no records of the kind "${kind}"`);
    throw new StorageError(
      'STORAGE_SCHEMA',
      `${file} holds records of the kind "${kind}", which this version of jobraft does not know. Install the version that wrote it.`,
    );
  }
}

function tableNames(db: Database): Set<string> {
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  return new Set(names.map(String));
}
