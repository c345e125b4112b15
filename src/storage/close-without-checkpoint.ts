import type { Database } from 'better-sqlite3';
import { openSqlite } from '../files/sqlite.ts';

/**
 * Closes a database in WAL mode like a crash: the WAL stays, and the next open recovers it.
 *
 * SQLite writes the WAL back into the file and deletes it when the last connection closes. better-sqlite3 has no call for the setting that
 * turns this off (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE). But to write back, the closing connection needs an exclusive lock on the file: it does
 * not get one while another connection is open, and a read-only connection never does. So a read-only connection is opened, and is closed
 * last.
 */
export function closeWithoutCheckpoint(db: Database, file: string): void {
  let reader: Database | undefined;
  try {
    reader = openSqlite(file, { readonly: true, fileMustExist: true, timeout: 0 });
    // The first read takes the lock; in WAL mode it is held until the connection closes.
    reader.pragma('schema_version');
  } catch {
    // The file is missing or damaged. Without the reader the WAL is written back, if possible: nothing is lost.
  }
  db.close();
  reader?.close();
}
