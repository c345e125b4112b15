import type { Database } from 'better-sqlite3';
import { SqliteCheckpointReader, type SqliteReaderOptions } from './checkpoint-reader.ts';

/** How often the limit doubles for a snapshot that did not get through: 16 times the first one is the most. */
const DOUBLINGS_MAX = 4;

export type OpenReadersOptions = Omit<SqliteReaderOptions, 'onClose'> & {
  readonly db: Database;
  /** How large the WAL may grow for the sake of a reader at first, in bytes. */
  readonly walBytesMax: number;
};

/**
 * The storage's checkpoint readers. SQLite writes no frame back into the file that a reader must not see, so the WAL grows with
 * every commit as long as one is open: with a slow follower for minutes. Here it ends: the readers expire. A snapshot that
 * expired may take twice as much the next time, so that a large one gets through in the end; one that got through sets the
 * limit back.
 */
export class OpenReaders implements Disposable {
  readonly #options: OpenReadersOptions;
  readonly #readers = new Set<SqliteCheckpointReader>();
  readonly #frameBytes: number;
  #doublings = 0;

  constructor(options: OpenReadersOptions) {
    this.#options = options;
    this.#frameBytes = Number(options.db.pragma('page_size', { simple: true })) + 24;
  }

  /** @throws {InvariantViolation} before the first checkpoint. @throws {StorageError} when the file cannot be read. */
  open(): SqliteCheckpointReader {
    const reader = new SqliteCheckpointReader({ ...this.#options, onClose: (closed) => this.#onClose(closed) });
    this.#readers.add(reader);
    return reader;
  }

  /** After each commit: expires the readers when they made the WAL too long. */
  onCommitted(): void {
    if (this.#readers.size === 0) return;
    const walBytes = this.#walFrames() * this.#frameBytes;
    if (walBytes <= this.#options.walBytesMax * 2 ** this.#doublings) return;
    this.#doublings = Math.min(this.#doublings + 1, DOUBLINGS_MAX);
    for (const reader of [...this.#readers]) reader.expire();
  }

  [Symbol.dispose](): void {
    for (const reader of [...this.#readers]) reader[Symbol.dispose]();
  }

  #onClose(reader: SqliteCheckpointReader): void {
    this.#readers.delete(reader);
    if (reader.isAtEnd) this.#doublings = 0;
  }

  /** SQLite tells it with each attempt to write the WAL back, which finds little to do while a reader holds it. */
  #walFrames(): number {
    const [row] = this.#options.db.pragma('wal_checkpoint(PASSIVE)') as { readonly log: number }[];
    return row?.log ?? 0;
  }
}
