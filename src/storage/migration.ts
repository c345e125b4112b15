import type { Database } from 'better-sqlite3';
import { LogTable } from './log-table.ts';
import { MetaTable } from './meta-table.ts';
import type { RowSeal } from './row-seal.ts';
import { SCHEMA_VERSION } from './schema-version.ts';
import { Segments } from './segments.ts';

/**
 * Migrates the rows of an older file to this version; within a transaction of the caller, so that a stop in the middle leaves the old file.
 * @throws {StorageError} STORAGE_DAMAGED when a row that it reads is damaged.
 */
export function migrate(db: Database, file: string, fromVersion: number, rows: RowSeal): void {
  if (fromVersion === 1) {
    const { compacted } = new MetaTable(db, file, rows).migrateFrom1();
    new LogTable(db, file, rows, new Segments({ file, isSynced: false })).migrateFrom1(compacted.index);
  }
  if (fromVersion === 2) new MetaTable(db, file, rows).migrateFrom2();
  db.pragma(`user_version = ${SCHEMA_VERSION}`);
}
