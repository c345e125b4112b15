import Database from 'better-sqlite3';

const ROW_BYTES = 64;

/** One SQLite file under the nodes' settings (WAL, synchronous=FULL), to measure its commits. */
export class FloorDatabase implements Disposable {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement;
  readonly #row = Buffer.alloc(ROW_BYTES, 1);

  constructor(file: string) {
    this.#db = new Database(file);
    this.#db.pragma('journal_mode = WAL');
    this.#db.pragma('synchronous = FULL');
    this.#db.exec('CREATE TABLE IF NOT EXISTS entry (position INTEGER PRIMARY KEY, payload BLOB)');
    this.#insert = this.#db.prepare('INSERT INTO entry (payload) VALUES (?)');
  }

  /** One row of 64 B in one transaction; durable when it returns. */
  commit(): void {
    this.#insert.run(this.#row);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
