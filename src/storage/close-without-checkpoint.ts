import type { Database } from 'better-sqlite3';
import { openSqlite } from './sqlite.ts';

/**
 * Closes a database in WAL mode as a crash leaves it: what is in the WAL stays there, for the next open to recover.
 *
 * SQLite writes the WAL back into the file and deletes it when the last connection closes. better-sqlite3 has no call for the setting that turns
 * this off (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE). But to write back, the closing connection needs an exclusive lock on the file: it does not get
 * one while another connection is open, and a connection that may only read never does. So one that only reads is opened and is closed last.
 */
export function closeWithoutCheckpoint(db: Database, file: string): void {
  let reader: Database | undefined;
  try {
    reader = openSqlite(file, { readonly: true, fileMustExist: true, timeout: 0 });
    // The first read takes the lock; in WAL mode it is held until the connection closes.
    reader.pragma('schema_version');
  } catch {
    // The file is gone, or damaged. Without the reader the WAL is written back, if it can be: that loses nothing.
  }
  db.close();
  reader?.close();
}
