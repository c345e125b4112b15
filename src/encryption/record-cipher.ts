import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type Hmac,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { type EncryptionKey, type EncryptionKeys, KEY_BYTES, KEY_ID_BYTES } from './encryption-key.ts';

const ALGORITHM = 'aes-256-gcm';
const FORMAT = 1;
export const SALT_BYTES = 16;
const SOURCE_BYTES = KEY_ID_BYTES + SALT_BYTES;
const COUNT_AT = 1 + SOURCE_BYTES;
const HEADER_BYTES = COUNT_AT + 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** How much longer a sealed record is. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES;

/**
 * What one derived key encrypts at most. Its nonces are counted, so none is ever used twice; after this many bytes an attacker's advantage over
 * AES-256-GCM, some (blocks squared) / 2^129, is still below 2^-57.
 */
const RECORDS_MAX = 2 ** 32;
const BYTES_MAX = 2 ** 40;
/** Derived keys in memory, of earlier openings whose records are read. */
const OPENED_MAX = 1_024;

/** A sealed record cannot be opened. */
export class SealError extends Error {
  override readonly name = 'SealError';
}

interface DerivedKey {
  /** Key id and salt, as they are in each record. */
  readonly source: Uint8Array;
  readonly key: KeyObject;
}

export interface RecordCipherOptions {
  readonly keys: EncryptionKeys;
  /** For tests. @returns {@link SALT_BYTES} random bytes. */
  readonly newSalt?: () => Uint8Array;
  /** For tests: after how many records the derived key is replaced. */
  readonly recordsMax?: number;
}

/**
 * Encrypts records one by one, for everything that writes to disk. A record names its key, so that a file may be read after the key to write
 * with was replaced:
 *
 *     format (1 byte) | key id (8) | salt (16) | count (4, big-endian) | ciphertext | tag (16)
 *
 * A random nonce for each record would bound a key to 2^32 records (NIST SP 800-38D §8.3), which is half a day at 100,000 a second. So each
 * cipher derives a key of its own (HKDF-SHA-256, RFC 5869) from the key and a random salt, and counts its nonces.
 */
export class RecordCipher {
  readonly #keys: EncryptionKeys;
  readonly #newSalt: () => Uint8Array;
  readonly #recordsMax: number;
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  readonly #opened = new Map<string, DerivedKey>();
  #own: DerivedKey | undefined;
  #records = 0;
  #bytes = 0;
  /** The derived key of the record opened last: neighbours usually have the same. */
  #latest: DerivedKey | undefined;

  constructor({ keys, newSalt = () => randomBytes(SALT_BYTES), recordsMax = RECORDS_MAX }: RecordCipherOptions) {
    this.#keys = keys;
    this.#newSalt = newSalt;
    this.#recordsMax = recordsMax;
  }

  /** @param context what the record is and where it belongs: it opens only with the same. */
  seal(data: Uint8Array, context: Uint8Array): Uint8Array {
    const { source, key } = this.#ownKey(data.length);
    const count = this.#records;
    this.#records += 1;
    // Every byte of it is written below; zeros first would cost as much as the encryption of a large record.
    const sealed = Buffer.allocUnsafe(SEAL_BYTES + data.length);
    sealed.writeUInt8(FORMAT, 0);
    sealed.set(source, 1);
    sealed.writeUInt32BE(count, COUNT_AT);
    const cipher = createCipheriv(ALGORITHM, key, this.#nonceOf(count));
    cipher.setAAD(context);
    sealed.set(cipher.update(data), HEADER_BYTES);
    cipher.final();
    sealed.set(cipher.getAuthTag(), HEADER_BYTES + data.length);
    return new Uint8Array(sealed.buffer, sealed.byteOffset, sealed.length);
  }

  /** @throws {SealError} when it was altered, was sealed with another context, or with a key that is not there. */
  open(sealed: Uint8Array, context: Uint8Array): Uint8Array {
    const end = sealed.length - TAG_BYTES;
    if (end < HEADER_BYTES || sealed[0] !== FORMAT) throw new SealError('it is not a sealed record');
    const key = this.#keyOf(sealed.subarray(1, COUNT_AT));
    const count = new DataView(sealed.buffer, sealed.byteOffset).getUint32(COUNT_AT);
    const decipher = createDecipheriv(ALGORITHM, key, this.#nonceOf(count), { authTagLength: TAG_BYTES });
    decipher.setAAD(context);
    decipher.setAuthTag(sealed.subarray(end));
    const { buffer, byteOffset, length } = decipher.update(sealed.subarray(HEADER_BYTES, end));
    try {
      decipher.final();
    } catch {
      throw new SealError('it does not match its tag');
    }
    return new Uint8Array(buffer, byteOffset, length);
  }

  #nonceOf(count: number): Buffer {
    this.#nonce.writeUInt32BE(count, NONCE_BYTES - 4);
    return this.#nonce;
  }

  #ownKey(bytes: number): DerivedKey {
    this.#bytes += bytes;
    if (this.#own === undefined || this.#records >= this.#recordsMax || this.#bytes > BYTES_MAX) {
      const source = new Uint8Array(SOURCE_BYTES);
      source.set(Buffer.from(this.#keys[0].id, 'hex'));
      source.set(this.#newSalt(), KEY_ID_BYTES);
      this.#own = { source, key: derived(this.#keys[0], source.subarray(KEY_ID_BYTES)) };
      this.#records = 0;
      this.#bytes = bytes;
    }
    return this.#own;
  }

  #keyOf(source: Uint8Array): KeyObject {
    if (this.#latest !== undefined && Buffer.compare(this.#latest.source, source) === 0) return this.#latest.key;
    const name = Buffer.from(source).toString('latin1');
    let found = this.#opened.get(name);
    if (found === undefined) {
      const id = Buffer.from(source.subarray(0, KEY_ID_BYTES)).toString('hex');
      const key = this.#keys.find((known) => known.id === id);
      if (key === undefined) throw new SealError(`its key ${id} is not there`);
      if (this.#opened.size >= OPENED_MAX) this.#opened.clear();
      found = { source: source.slice(), key: derived(key, source.subarray(KEY_ID_BYTES)) };
      this.#opened.set(name, found);
    }
    this.#latest = found;
    return found.key;
  }
}

const derived = ({ secret }: EncryptionKey, salt: Uint8Array): KeyObject =>
  createSecretKey(Buffer.from(hkdfSync('sha256', secret, salt, 'jobraft records', KEY_BYTES)));

/** Authenticates a whole file, also what is not encrypted of it. @param salt random, stored with the file. */
export const fileMac = ({ secret }: EncryptionKey, salt: Uint8Array): Hmac =>
  createHmac('sha256', Buffer.from(hkdfSync('sha256', secret, salt, 'jobraft file', KEY_BYTES)));
