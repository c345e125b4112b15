import type { Database, Statement } from 'better-sqlite3';
import { MalformedBytesError } from '../base/bytes.ts';
import { ANY_DISK, asTerm, ZERO_ENTRY } from '../base/ids.ts';
import type { EntryId, HardState } from '../raft/entry.ts';
import {
  blobOf,
  type CheckpointRow,
  decodeCheckpoint,
  decodeEntryId,
  decodeHardState,
  decodeIdentity,
  encodeCheckpoint,
  encodeEntryId,
  encodeHardState,
  encodeIdentity,
  type FileIdentity,
  META_ROW_NAMES,
  META_ROWS,
  NO_ORIGIN,
  schemaVersionIn,
} from './row-codec.ts';
import type { RowSeal } from './row-seal.ts';
import { versionFor } from './schema-version.ts';
import { damaged } from './sqlite-errors.ts';

type MetaRow = [id: unknown, value: unknown, checksum: unknown];

export interface MetaState {
  readonly hardState: HardState;
  readonly checkpoint: CheckpointRow | undefined;
  readonly compacted: EntryId;
  readonly identity: FileIdentity;
}

const NO_HARD_STATE: HardState = Object.freeze({ term: asTerm(0), votedFor: undefined });
/** The row of a checkpoint that was never written. */
const NO_BYTES = new Uint8Array(0);

/**
 * The four single rows: hard state, checkpoint, compacted entry, and the file's identity. All of them are written with the new file, so a
 * missing one was lost. The identity is never encrypted: it says whether and with which key the file is.
 */
export class MetaTable {
  readonly #file: string;
  readonly #rows: RowSeal;
  readonly #all: Statement<[], MetaRow>;
  readonly #put: Statement<[number, Uint8Array, number]> | undefined;

  constructor(db: Database, file: string, rows: RowSeal) {
    this.#file = file;
    this.#rows = rows;
    this.#all = db.prepare<[], MetaRow>('SELECT id, value, checksum FROM meta').raw();
    this.#put = db.readonly ? undefined : db.prepare('INSERT OR REPLACE INTO meta (id, value, checksum) VALUES (?, ?, ?)');
  }

  /**
   * All rows are read together, so that a row with a damaged id is detected and not treated as one that was never written.
   * @throws {StorageError} on damage.
   */
  read(): MetaState {
    const values = this.#checkedValues();
    const checkpoint = this.#there(values, META_ROWS.checkpoint);
    return this.#decoding(() => ({
      hardState: decodeHardState(this.#there(values, META_ROWS.hardState)),
      checkpoint: checkpoint.length === 0 ? undefined : decodeCheckpoint(checkpoint),
      compacted: decodeEntryId(this.#there(values, META_ROWS.compacted)),
      identity: decodeIdentity(this.#there(values, META_ROWS.identity)),
    }));
  }

  /** The identity alone, which needs no key. @throws {StorageError} on damage. */
  identity(): FileIdentity {
    const values = this.#checkedValues();
    return this.#decoding(() => decodeIdentity(this.#there(values, META_ROWS.identity)));
  }

  /** The version that wrote the rows, in any format; the first one wrote no identity. @throws {StorageError} on damage. */
  schemaVersion(): number {
    const identity = this.#checkedValues().get(META_ROWS.identity);
    return identity === undefined ? 1 : this.#decoding(() => schemaVersionIn(identity));
  }

  /** The rows of a new file. */
  create(identity: FileIdentity): void {
    this.putHardState(NO_HARD_STATE);
    this.#write(META_ROWS.checkpoint, NO_BYTES);
    this.putCompacted(ZERO_ENTRY);
    this.putIdentity(identity);
  }

  /** Migrates the rows of version 1, which were written when they were first needed, to this version. @returns the rows. */
  migrateFrom1(): MetaState {
    const values = this.#checkedValues();
    const checkpoint = values.get(META_ROWS.checkpoint);
    return this.#decoding(() => {
      const old = checkpoint === undefined ? undefined : decodeCheckpoint(checkpoint, 1);
      if (!values.has(META_ROWS.hardState)) this.putHardState(NO_HARD_STATE);
      if (!values.has(META_ROWS.compacted)) this.putCompacted(ZERO_ENTRY);
      this.#write(META_ROWS.checkpoint, old === undefined ? NO_BYTES : encodeCheckpoint(old));
      // A file from before there were disk ids matches any.
      this.putIdentity({ disk: ANY_DISK, origin: NO_ORIGIN });
      return this.read();
    });
  }

  /** Version 2 had no cluster ids and no generations. */
  migrateFrom2(): void {
    const identity = this.#there(this.#checkedValues(), META_ROWS.identity);
    this.putIdentity(this.#decoding(() => decodeIdentity(identity)));
  }

  putIdentity(identity: FileIdentity): void {
    this.#write(META_ROWS.identity, encodeIdentity({ ...identity, schemaVersion: versionFor(identity) }));
  }

  putHardState(state: HardState): void {
    this.#write(META_ROWS.hardState, encodeHardState(state));
  }

  putCheckpoint(row: CheckpointRow): void {
    this.#write(META_ROWS.checkpoint, encodeCheckpoint(row));
  }

  putCompacted(id: EntryId): void {
    this.#write(META_ROWS.compacted, encodeEntryId(id));
  }

  #checkedValues(): Map<number, Uint8Array> {
    const values = new Map<number, Uint8Array>();
    for (const [id, blob, checksum] of this.#all.all()) {
      const name = typeof id === 'number' ? META_ROW_NAMES[id] : undefined;
      const value = blobOf(blob);
      if (typeof id !== 'number' || name === undefined || value === undefined || this.#rows.checksum.meta(id, value) !== checksum) {
        throw damaged(this.#file, `the row ${id} (${name ?? 'unknown'}) of the table "meta" does not match its checksum`);
      }
      values.set(id, value);
    }
    return values;
  }

  #there(values: ReadonlyMap<number, Uint8Array>, id: number): Uint8Array {
    const value = values.get(id);
    if (value === undefined) throw damaged(this.#file, `the row ${id} (${META_ROW_NAMES[id]}) of the table "meta" is missing`);
    return id === META_ROWS.identity ? value : this.#rows.openMeta(id, value);
  }

  #decoding<Result>(decode: () => Result): Result {
    try {
      return decode();
    } catch (error) {
      if (error instanceof MalformedBytesError) throw damaged(this.#file, 'a row of the table "meta" has an invalid format', error);
      throw error;
    }
  }

  #write(id: number, value: Uint8Array): void {
    const stored = id === META_ROWS.identity ? value : this.#rows.sealMeta(id, value);
    this.#put?.run(id, stored, this.#rows.checksum.meta(id, stored));
  }
}
