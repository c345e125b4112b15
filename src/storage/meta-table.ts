import type { Database, Statement } from 'better-sqlite3';
import { MalformedBytesError } from '../base/bytes.ts';
import { ZERO_ENTRY } from '../base/ids.ts';
import type { EntryId, HardState } from '../raft/entry.ts';
import { plainBytes } from './record-table.ts';
import type { RowChecksum } from './row-checksum.ts';
import {
  type CheckpointRow,
  decodeCheckpoint,
  decodeEntryId,
  decodeHardState,
  encodeCheckpoint,
  encodeEntryId,
  encodeHardState,
  META_ROW_NAMES,
  META_ROWS,
} from './row-codec.ts';
import { damaged } from './sqlite-errors.ts';

type MetaRow = [id: number, value: Buffer, checksum: number];

export interface MetaState {
  readonly hardState: HardState;
  readonly checkpoint: CheckpointRow | undefined;
  readonly compacted: EntryId;
}

/** The three rows that stand for themselves: hard state, checkpoint, and where the log begins. */
export class MetaTable {
  readonly #file: string;
  readonly #checksum: RowChecksum;
  readonly #all: Statement<[], MetaRow>;
  readonly #put: Statement<[number, Uint8Array, number]> | undefined;

  constructor(db: Database, file: string, checksum: RowChecksum) {
    this.#file = file;
    this.#checksum = checksum;
    this.#all = db.prepare<[], MetaRow>('SELECT id, value, checksum FROM meta').raw();
    this.#put = db.readonly ? undefined : db.prepare('INSERT OR REPLACE INTO meta (id, value, checksum) VALUES (?, ?, ?)');
  }

  /**
   * All rows are read together, so that a row whose id was damaged is found out and does not pass for one never written.
   * @throws {StorageError} on damage.
   */
  read(): MetaState {
    const values = new Map<number, Uint8Array>();
    for (const [id, buffer, checksum] of this.#all.all()) {
      const value = plainBytes(buffer);
      const name = META_ROW_NAMES[id];
      if (name === undefined || this.#checksum.meta(id, value) !== checksum) {
        throw damaged(this.#file, `the row ${id} (${name ?? 'unknown'}) of the table "meta" does not match its checksum`);
      }
      values.set(id, value);
    }
    const hardState = values.get(META_ROWS.hardState);
    const checkpoint = values.get(META_ROWS.checkpoint);
    const compacted = values.get(META_ROWS.compacted);
    try {
      return {
        hardState: hardState === undefined ? decodeHardState(new Uint8Array(16)) : decodeHardState(hardState),
        checkpoint: checkpoint === undefined ? undefined : decodeCheckpoint(checkpoint),
        compacted: compacted === undefined ? ZERO_ENTRY : decodeEntryId(compacted),
      };
    } catch (error) {
      if (error instanceof MalformedBytesError)
        throw damaged(this.#file, 'a row of the table "meta" has not the shape it was written in', error);
      throw error;
    }
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

  #write(id: number, value: Uint8Array): void {
    this.#put?.run(id, value, this.#checksum.meta(id, value));
  }
}
