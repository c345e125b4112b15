import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { RecordCipher, SealError } from '../encryption/record-cipher.ts';
import { RowChecksum } from './row-checksum.ts';
import { END_KIND } from './row-codec.ts';
import { damaged } from './sqlite-errors.ts';

/** The first byte of a row's context: rows of different tables never have the same. */
const ENTRY = 1;
const RECORD = 2;
const META = 3;

/**
 * Protects the rows of a file: their checksum, over what is stored, and in an encrypted file the cipher of their values. The columns that
 * SQLite needs, a row's key and an entry's term and kind, are not encrypted; a value opens only in the row that it was sealed for. Without a
 * cipher a value is stored as it is.
 */
export class RowSeal {
  readonly checksum = new RowChecksum();
  readonly #file: string;
  readonly #cipher: RecordCipher | undefined;
  readonly #entry = new DataView(new ArrayBuffer(18));
  readonly #record = new DataView(new ArrayBuffer(13));
  readonly #meta = new DataView(new ArrayBuffer(2));

  /** @param keys undefined for a file that is not encrypted. */
  constructor(file: string, keys: EncryptionKeys | undefined) {
    this.#file = file;
    this.#cipher = keys === undefined ? undefined : new RecordCipher({ keys });
    this.#entry.setUint8(0, ENTRY);
    this.#record.setUint8(0, RECORD);
    this.#meta.setUint8(0, META);
  }

  get isEncrypted(): boolean {
    return this.#cipher !== undefined;
  }

  /** The end row has no data, and stays as it is. */
  sealEntry(position: number, term: number, kind: number, data: Uint8Array): Uint8Array {
    return this.#cipher === undefined || kind === END_KIND ? data : this.#cipher.seal(data, this.#entryContext(position, term, kind));
  }

  /** @throws {StorageError} */
  openEntry(position: number, term: number, kind: number, stored: Uint8Array): Uint8Array {
    if (this.#cipher === undefined || kind === END_KIND) return stored;
    return this.#open(this.#cipher, stored, this.#entryContext(position, term, kind), 'entry', position);
  }

  /** @param tag see `kindTag`. */
  sealRecord(tag: number, key: number, value: Uint8Array): Uint8Array {
    return this.#cipher === undefined ? value : this.#cipher.seal(value, this.#recordContext(tag, key));
  }

  /** @throws {StorageError} */
  openRecord(tag: number, key: number, stored: Uint8Array): Uint8Array {
    return this.#cipher === undefined ? stored : this.#open(this.#cipher, stored, this.#recordContext(tag, key), 'record', key);
  }

  sealMeta(id: number, value: Uint8Array): Uint8Array {
    return this.#cipher === undefined ? value : this.#cipher.seal(value, this.#metaContext(id));
  }

  /** @throws {StorageError} */
  openMeta(id: number, stored: Uint8Array): Uint8Array {
    return this.#cipher === undefined ? stored : this.#open(this.#cipher, stored, this.#metaContext(id), 'row of the table "meta"', id);
  }

  #entryContext(position: number, term: number, kind: number): Uint8Array {
    this.#entry.setFloat64(1, position);
    this.#entry.setFloat64(9, term);
    this.#entry.setUint8(17, kind);
    return bytesOf(this.#entry);
  }

  #recordContext(tag: number, key: number): Uint8Array {
    this.#record.setUint32(1, tag);
    this.#record.setFloat64(5, key);
    return bytesOf(this.#record);
  }

  #metaContext(id: number): Uint8Array {
    this.#meta.setUint8(1, id);
    return bytesOf(this.#meta);
  }

  /** Its checksum is right, and the file's key is there: what does not open now was not written by a node. */
  #open(cipher: RecordCipher, stored: Uint8Array, context: Uint8Array, what: string, key: number): Uint8Array {
    try {
      return cipher.open(stored, context);
    } catch (error) {
      if (error instanceof SealError) throw damaged(this.#file, `the ${what} ${key} cannot be decrypted (${error.message})`, error);
      throw error;
    }
  }
}

const bytesOf = ({ buffer }: DataView<ArrayBuffer>): Uint8Array => new Uint8Array(buffer);
