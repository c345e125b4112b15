import { accessSync, closeSync, constants, openSync, rmSync, statSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { openSqlite } from '../files/sqlite.ts';
import { adoptOwner } from './segment-files.ts';
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
  const db = openLock(file, WAIT_MS, (opened) => {
    opened.exec('BEGIN');
    // The first read takes the lock.
    opened.prepare('SELECT count(*) FROM sqlite_schema').get();
  });
  return { [Symbol.dispose]: () => db.close() };
}

/**
 * Opens the lock file, makes it first if it is missing, and takes its lock. It has no contents: what is no database is replaced.
 * @throws an error of the file system, or of SQLite.
 */
function openLock(file: string, timeout: number, take: (db: Database) => void): Database {
  const path = lockFile(file);
  makeLockFile(path, file);
  // SQLite would open it for reading only, and lock nothing.
  accessSync(path, constants.W_OK);
  for (let isFirst = true; ; isFirst = false) {
    const db = openSqlite(path, { timeout });
    try {
      take(db);
      return db;
    } catch (error) {
      db.close();
      if (!isFirst || codeOf(error) !== 'SQLITE_NOTADB') throw error;
      rmSync(path);
      makeLockFile(path, file);
    }
  }
}

function makeLockFile(path: string, file: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx', 0o600);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw error;
  }
  adoptOwner(descriptor, file);
  closeSync(descriptor);
}

const inodeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;

/** The views that read the segments of a node's file, as the node sees them. */
export class SegmentViews implements Disposable {
  readonly #file: string;
  #db: Database | undefined;
  #inode: number | undefined;
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

  /** Whether there is a view. One that begins later sees what is committed now. @throws an error of the file system, or of SQLite. */
  areOpen(): boolean {
    if (this.#open > 0) return true;
    // It was removed meanwhile: views that began before have a lock that can no longer be seen. So there may be one until the next start.
    if (this.#db !== undefined && inodeOf(lockFile(this.#file)) !== this.#inode) return true;
    try {
      if (this.#db === undefined) {
        this.#db = openLock(this.#file, 0, takeAlone);
        this.#inode = inodeOf(lockFile(this.#file));
      } else takeAlone(this.#db);
    } catch (error) {
      if (codeOf(error).startsWith('SQLITE_BUSY')) return true;
      throw error;
    }
    return false;
  }

  [Symbol.dispose](): void {
    this.#db?.close();
    this.#db = undefined;
  }
}

/** Takes the lock for a moment. @throws SQLITE_BUSY while another one holds it. */
function takeAlone(db: Database): void {
  db.exec('BEGIN EXCLUSIVE');
  db.exec('ROLLBACK');
}
