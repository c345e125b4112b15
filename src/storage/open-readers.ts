import type { Database } from 'better-sqlite3';
import { SqliteCheckpointReader, type SqliteReaderOptions } from './checkpoint-reader.ts';

/** How often the limit doubles for a snapshot that expired: to at most 16 times the first limit. */
const DOUBLINGS_MAX = 4;
/** The readers take a newer view when the WAL has this size: writing it back then costs no more than without readers. */
const RENEWAL_BYTES = 4 * 1024 * 1024;

export type OpenReadersOptions = Omit<SqliteReaderOptions, 'onClose'> & {
  readonly db: Database;
  /** How large the WAL may grow while a reader is open at first, in bytes. */
  readonly walBytesMax: number;
};

/**
 * The storage's checkpoint readers. SQLite writes no frame back into the file that an open reader must not see, so the WAL grows with every
 * commit while one is open: for minutes with a slow follower. This class bounds it: while the checkpoint stays the same the readers take a
 * newer view of it; otherwise they expire. After an expired snapshot the next one may take twice as much, so that a large one completes in
 * the end; a completed one resets the limit.
 */
export class OpenReaders implements Disposable {
  readonly #options: OpenReadersOptions;
  readonly #readers = new Set<SqliteCheckpointReader>();
  readonly #frameBytes: number;
  #doublings = 0;
  /** No checkpoint was written since the oldest reader was opened. */
  #isCheckpointSame = true;

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

  /** After each commit: expires the readers when the WAL is too long because of them, and no newer view is possible. */
  onCommitted(): void {
    if (this.#readers.size === 0) return;
    // Neither the WAL nor a segment is used again while a reader has an older view.
    const walBytes = this.#walFrames() * this.#frameBytes + this.#options.segments.heldBytes;
    if (walBytes <= RENEWAL_BYTES) return;
    if (this.#isCheckpointSame) {
      this.#renew();
      return;
    }
    if (walBytes <= this.#options.walBytesMax * 2 ** this.#doublings) return;
    this.#doublings = Math.min(this.#doublings + 1, DOUBLINGS_MAX);
    for (const reader of [...this.#readers]) reader.expire();
  }

  /** The checkpoint has changed: a newer view would show another one to the open readers. */
  onCheckpoint(): void {
    this.#isCheckpointSame = this.#readers.size === 0;
  }

  [Symbol.dispose](): void {
    for (const reader of [...this.#readers]) reader[Symbol.dispose]();
  }

  /** Without a reader the whole WAL is written back, and starts over with the next commit; segments without references are free. */
  #renew(): void {
    for (const reader of this.#readers) reader.pause();
    this.#walFrames();
    this.#options.segments.onCommitted();
    for (const reader of [...this.#readers]) if (!reader.resume()) reader.expire();
  }

  #onClose(reader: SqliteCheckpointReader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#isCheckpointSame = true;
    if (reader.isAtEnd) this.#doublings = 0;
  }

  /** SQLite returns it with each attempt to write the WAL back, which does little while a reader holds it. */
  #walFrames(): number {
    const [row] = this.#options.db.pragma('wal_checkpoint(PASSIVE)') as { readonly log: number }[];
    return row?.log ?? 0;
  }
}
