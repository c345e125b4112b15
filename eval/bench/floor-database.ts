import Database from 'better-sqlite3';

const ROW_BYTES = 64;

/** One SQLite file under the nodes' settings (WAL, synchronous=FULL), to measure its commits. */
export class FloorDatabase implements Disposable {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement;
  readonly #row = Buffer.alloc(ROW_BYTES, 1);
  readonly #insertAll: (checksums: readonly number[]) => void;

  constructor(file: string) {
    this.#db = new Database(file);
    this.#db.pragma('journal_mode = WAL');
    this.#db.pragma('synchronous = FULL');
    this.#db.exec('CREATE TABLE IF NOT EXISTS entry (position INTEGER PRIMARY KEY, payload BLOB)');
    this.#insert = this.#db.prepare('INSERT INTO entry (payload) VALUES (?)');
    this.#insertAll = this.#db.transaction((checksums: readonly number[]) => {
      for (const checksum of checksums) {
        this.#row.writeUInt32LE(checksum);
        this.#insert.run(this.#row);
      }
    });
  }

  /** One row of 64 B in one transaction; durable when it returns. */
  commit(): void {
    this.#insert.run(this.#row);
  }

  /** A row of 64 B for each checksum, in one transaction; durable when it returns. */
  commitAll(checksums: readonly number[]): void {
    this.#insertAll(checksums);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
