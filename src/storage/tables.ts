import type { Database } from 'better-sqlite3';
import { type SchemaParts, versionFor } from './schema-version.ts';

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
export const PAGE_BYTES = 16_384;
export const recordTableName = (kind: string): string => `record_${kind}`;
export const stagedTableName = (kind: string): string => `staged_${kind}`;
/** No kind begins with a digit. */
export const droppedTableName = (number: number): string => `staged_${number}`;
export const recordTableSql = (table: string): string =>
  `CREATE TABLE "${table}" (key INTEGER PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT`;

export const ENTRY_SQL =
  'CREATE TABLE entry (position INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT';
export const META_SQL = 'CREATE TABLE meta (id INTEGER PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT';

export function tableSqlOf(table: string): string | undefined {
  if (table === 'entry') return ENTRY_SQL;
  if (table === 'meta') return META_SQL;
  return /^(record|staged)_/.test(table) ? recordTableSql(table) : undefined;
}

/** The header of a new file. */
export function markAsOurs(db: Database, identity: SchemaParts): void {
  db.pragma(`application_id = ${APPLICATION_ID}`);
  markVersion(db, identity);
}

/** Within a transaction that also writes the identity. */
export const markVersion = (db: Database, identity: SchemaParts): void => void db.pragma(`user_version = ${versionFor(identity)}`);

export function tableNames(db: Database): Set<string> {
  const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  return new Set(names.map(String));
}
