import type { Database } from 'better-sqlite3';
import { openSqlite } from '../files/sqlite.ts';
import { codeOf } from './sqlite-errors.ts';

/** The node holds its lock for some microseconds. */
const WAIT_MS = 5000;

/**
 * An empty database beside the node's file. Each view of another connection holds a shared lock on it, which the operating system drops with
 * the process. The node's own database does not say whether a view is older than its latest transaction.
 */
const lockFile = (file: string): string => `${file}-readers`;

/**
 * Keeps the segments as they are for a view of another thread or process, until it is disposed. Called before the view's transaction begins.
 * @throws an error of SQLite.
 */
export function holdSegments(file: string): Disposable {
  const db = openSqlite(lockFile(file), { timeout: WAIT_MS });
  try {
    db.exec('BEGIN');
    // The first read takes the lock.
    db.prepare('SELECT count(*) FROM sqlite_schema').get();
  } catch (error) {
    db.close();
    throw error;
  }
  return { [Symbol.dispose]: () => db.close() };
}

/** The views that read the segments of a node's file, as the node sees them. */
export class SegmentViews implements Disposable {
  readonly #file: string;
  #db: Database | undefined;
  /** Of this thread. */
  #open = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** A view of this thread, until it is disposed. */
  open(): Disposable {
    this.#open += 1;
    return {
      [Symbol.dispose]: () => {
        this.#open -= 1;
      },
    };
  }

  /** Whether there is a view. One that begins later sees what is committed now. @throws an error of SQLite. */
  areOpen(): boolean {
    if (this.#open > 0) return true;
    this.#db ??= openSqlite(lockFile(this.#file), { timeout: 0 });
    try {
      this.#db.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      if (codeOf(error).startsWith('SQLITE_BUSY')) return true;
      throw error;
    }
    this.#db.exec('ROLLBACK');
    return false;
  }

  [Symbol.dispose](): void {
    this.#db?.close();
    this.#db = undefined;
  }
}
