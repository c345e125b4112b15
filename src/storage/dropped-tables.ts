import type { Database, Statement } from 'better-sqlite3';
import type { RecordChange } from './port.ts';
import { droppedTableName } from './schema.ts';

/** How much of dropped tables one transaction deletes at least: SQLite goes through every page that it frees. */
const ROWS_MAX = 1024;
const BYTES_MAX = 1024 * 1024;

interface DroppedTable {
  readonly name: string;
  readonly sizes: Statement<[number], [key: number, bytes: number]>;
  readonly deleteUpTo: Statement<[number]>;
}

/**
 * Tables that nobody needs any more. Dropping a large one would hold the node up for as long as its pages are many, so it is renamed, and its
 * rows are deleted a little in each of the next transactions. A start drops what is left of them, since their names are those of staged tables.
 */
export class DroppedTables {
  readonly #db: Database;
  readonly #tables: DroppedTable[] = [];
  #number = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  get isEmpty(): boolean {
    return this.#tables.length === 0;
  }

  /** Within a transaction of the caller: its name is free afterwards. */
  drop(table: string): void {
    this.#number += 1;
    const name = droppedTableName(this.#number);
    const db = this.#db;
    db.exec(`ALTER TABLE "${table}" RENAME TO "${name}"`);
    this.#tables.push({
      name,
      // The length of a blob stands in its row's header: its pages are not read.
      sizes: db.prepare<[number], [number, number]>(`SELECT key, length(value) FROM "${name}" ORDER BY key LIMIT ?`).raw(),
      deleteUpTo: db.prepare(`DELETE FROM "${name}" WHERE key <= ?`),
    });
  }

  /** Within a transaction of the caller: deletes a part, larger than what is `staged` in it, so that repeated snapshots do not pile up. */
  reclaim(staged: readonly RecordChange[] = []): void {
    if (this.#tables.length === 0) return;
    let rowsLeft = ROWS_MAX + 2 * staged.length;
    let bytesLeft = staged.reduce((sum, { value }) => sum + 2 * (value?.length ?? 0), BYTES_MAX);
    for (let table = this.#tables[0]; table !== undefined; table = this.#tables[0]) {
      let upTo: number | undefined;
      let isWhole = true;
      for (const [key, bytes] of table.sizes.all(rowsLeft + 1)) {
        isWhole = rowsLeft > 0 && bytesLeft > 0;
        if (!isWhole) break;
        upTo = key;
        rowsLeft -= 1;
        bytesLeft -= bytes;
      }
      if (!isWhole) {
        if (upTo !== undefined) table.deleteUpTo.run(upTo);
        return;
      }
      this.#db.exec(`DROP TABLE "${table.name}"`);
      this.#tables.shift();
    }
  }
}
