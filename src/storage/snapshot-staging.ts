import type { Database } from 'better-sqlite3';
import { invariant } from '../base/invariant.ts';
import type { RecordChange } from '../protocol/record.ts';
import type { DroppedTables } from './dropped-tables.ts';
import { RecordTable } from './record-table.ts';
import type { RowSeal } from './row-seal.ts';
import { recordTableName, recordTableSql, stagedTableName } from './tables.ts';

export interface StagingOptions {
  readonly db: Database;
  readonly file: string;
  readonly recordKinds: readonly string[];
  readonly tags: readonly number[];
  readonly rows: RowSeal;
  readonly dropped: DroppedTables;
}

/**
 * A snapshot in transit: tables beside those of the checkpoint, which they replace by renaming, so that no record is copied. They exist
 * only while a snapshot arrives; a start drops them.
 */
export class SnapshotStaging {
  readonly #options: StagingOptions;
  #tables: RecordTable[] = [];
  #counts: number[] = [];
  #nextChunk = 0;

  constructor(options: StagingOptions) {
    this.#options = options;
  }

  get isBegun(): boolean {
    return this.#nextChunk > 0;
  }

  /** Within a transaction of the caller. A repeated chunk changes nothing. */
  stage(chunk: number, records: readonly RecordChange[]): void {
    invariant(chunk <= this.#nextChunk, () => `chunk ${chunk} of a snapshot was staged before chunk ${this.#nextChunk}`);
    if (chunk === 0) this.#begin();
    // First: freed pages are reused for the new records.
    this.#options.dropped.reclaim(records);
    for (const { kind, key, value } of records) {
      const table = this.#tables[kind];
      invariant(table !== undefined, () => `a staged record is of kind ${kind}, and there are ${this.#tables.length}`);
      const grownBy = value === undefined ? table.delete(key) : table.put(key, value);
      this.#counts[kind] = (this.#counts[kind] ?? 0) + grownBy;
    }
    this.#nextChunk = Math.max(this.#nextChunk, chunk + 1);
  }

  /** Within a transaction of the caller: the staged tables become the checkpoint's. @returns the number of records of each kind. */
  swapIn(): number[] {
    invariant(this.isBegun, () => 'a snapshot was installed that was never staged');
    const { db, recordKinds, dropped } = this.#options;
    for (const kind of recordKinds) {
      dropped.drop(recordTableName(kind));
      db.exec(`ALTER TABLE "${stagedTableName(kind)}" RENAME TO "${recordTableName(kind)}"`);
    }
    const counts = this.#counts;
    this.#tables = [];
    this.#counts = [];
    this.#nextChunk = 0;
    return counts;
  }

  #begin(): void {
    const { db, file, recordKinds, tags, rows, dropped } = this.#options;
    // Of a snapshot that did not arrive completely.
    if (this.#tables.length > 0) for (const kind of recordKinds) dropped.drop(stagedTableName(kind));
    this.#tables = recordKinds.map((kind, at) => {
      const table = stagedTableName(kind);
      db.exec(recordTableSql(table));
      return new RecordTable({ db, file, table, kind, tag: tags[at] ?? 0, rows });
    });
    this.#counts = recordKinds.map(() => 0);
    this.#nextChunk = 0;
  }
}
