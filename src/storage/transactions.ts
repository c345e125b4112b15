import type { Database, Statement } from 'better-sqlite3';
import { StorageError } from './errors.ts';
import { storageErrorOf } from './sqlite-errors.ts';

/** Writes a node's file, one transaction at a time. */
export class Transactions {
  readonly #db: Database;
  readonly #file: string;
  readonly #onCommitted: (tookMs: number) => void;
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  #failure: Error | undefined;

  /** @param onCommitted with the duration of each transaction, the fsync included. */
  constructor(db: Database, file: string, onCommitted: (tookMs: number) => void) {
    this.#db = db;
    this.#file = file;
    this.#onCommitted = onCommitted;
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /**
   * One transaction, all or nothing. After a failure the state of the disk is unknown: the kernel may have dropped the pages that it could
   * not write, and a second fsync would report success. So every later one is rejected.
   * @param isOneStatement `work` runs one statement, which is a transaction by itself: that takes half of the processor time.
   * @throws {StorageError}
   */
  run(doing: string, work: () => void, isOneStatement = false): void {
    if (this.#failure !== undefined) {
      throw new StorageError('STORAGE_FAILED', `An earlier write to ${this.#file} failed; restart the node. ${this.#failure.message}`, {
        cause: this.#failure,
      });
    }
    const startedMs = performance.now();
    try {
      if (!isOneStatement) this.#begin.run();
      work();
      if (!isOneStatement) this.#commit.run();
      this.#onCommitted(performance.now() - startedMs);
    } catch (error) {
      this.#failure = storageErrorOf(error, this.#file, doing);
      this.#rollBack();
      throw this.#failure;
    }
  }

  #rollBack(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // The first error is the one to report; the next start rolls back anyway.
    }
  }
}
