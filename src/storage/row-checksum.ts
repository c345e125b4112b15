import { crc32 } from 'node:zlib';

/** Rows up to this size are copied behind their header and summed in one call, which costs less than two. */
const COPIED_BYTES_MAX = 1024;
const ENTRY_HEADER_BYTES = 17;
const RECORD_HEADER_BYTES = 12;
/** The size of a record in memory and on the wire besides its value: kind, key, checksum and length. */
export const RECORD_OVERHEAD_BYTES = 17;

/**
 * The checksum in every row, over its key and its value: a row under a wrong key is damage like a flipped bit in its value. SQLite itself
 * checks only the pages of its WAL, not those of the database.
 */
export class RowChecksum {
  readonly #row = new Uint8Array(ENTRY_HEADER_BYTES + COPIED_BYTES_MAX);
  readonly #view = new DataView(this.#row.buffer);

  entry(position: number, term: number, kind: number, data: Uint8Array): number {
    this.#view.setFloat64(0, position, true);
    this.#view.setFloat64(8, term, true);
    this.#view.setUint8(16, kind);
    return this.#sum(ENTRY_HEADER_BYTES, data);
  }

  /** @param table identifies this kind of rows; never the number of the kind, which may change between versions. */
  record(table: number, key: number, value: Uint8Array): number {
    this.#view.setUint32(0, table, true);
    this.#view.setFloat64(4, key, true);
    return this.#sum(RECORD_HEADER_BYTES, value);
  }

  /** @param id the row's number, below 256. */
  meta(id: number, value: Uint8Array): number {
    this.#view.setUint8(0, id);
    return this.#sum(1, value);
  }

  #sum(headerBytes: number, data: Uint8Array): number {
    if (data.length > COPIED_BYTES_MAX) return crc32(data, crc32(this.#row.subarray(0, headerBytes), 0));
    this.#row.set(data, headerBytes);
    return crc32(this.#row.subarray(0, headerBytes + data.length), 0);
  }
}

/** A number for a kind of records, for {@link RowChecksum.record}: a row in the table of another kind is detected. */
export function kindTag(kind: string): number {
  return crc32(
    Uint8Array.from(kind, (character) => character.charCodeAt(0)),
    0,
  );
}
