import type { Database, Statement } from 'better-sqlite3';
import type { RecordChange } from '../protocol/record.ts';
import { droppedTableName } from './tables.ts';

/** Minimum that one transaction deletes of dropped tables: SQLite visits every page that it frees. */
const ROWS_MAX = 1024;
const BYTES_MAX = 1024 * 1024;

interface DroppedTable {
  readonly name: string;
  readonly sizes: Statement<[number], [key: number, bytes: number]>;
  readonly deleteUpTo: Statement<[number]>;
}

/**
 * Tables that are no longer needed. Dropping a large one would block the node in proportion to its pages, so it is renamed, and its rows
 * are deleted in parts by the next transactions. A start drops the rest, since their names are those of staged tables.
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

  /** Within a transaction of the caller: the name is free afterwards. */
  drop(table: string): void {
    this.#number += 1;
    const name = droppedTableName(this.#number);
    const db = this.#db;
    db.exec(`ALTER TABLE "${table}" RENAME TO "${name}"`);
    this.#tables.push({
      name,
      // The length of a blob is in its row's header: its pages are not read.
      sizes: db.prepare<[number], [number, number]>(`SELECT key, length(value) FROM "${name}" ORDER BY key LIMIT ?`).raw(),
      deleteUpTo: db.prepare(`DELETE FROM "${name}" WHERE key <= ?`),
    });
  }

  /**
   * Within a transaction of the caller: deletes a part, larger than `staged`, so that dropped tables do not accumulate over repeated
   * snapshots.
   */
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
