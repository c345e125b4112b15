import { createHash, type Hash, type Hmac, randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { z } from 'zod';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { asIndex, asTerm } from '../base/ids.ts';
import { type EncryptionKeys, KEY_ID_BYTES } from '../encryption/encryption-key.ts';
import { fileMac, RecordCipher, SALT_BYTES } from '../encryption/record-cipher.ts';
import { decodeRecords, encodeRecords } from '../node/snapshot-transfer.ts';
import { ENTRY_KINDS, type Entry } from '../raft/entry.ts';
import type { SnapshotRecord } from '../storage/port.ts';
import { BackupError, unreadable } from './backup-error.ts';

/**
 * The file of a backup: magic and version, frames (type, length, contents), and at the end its length and the SHA-256 of everything before.
 * The first frame is the header as JSON, then come the records of the checkpoint and the entries behind it.
 *
 * In an encrypted one (version 2) the id of the key and a salt follow the version, and an HMAC-SHA-256 is in the place of the SHA-256. Every
 * frame but the header is sealed for its place.
 */
const MAGIC = Buffer.from('jobraft backup\n', 'ascii');
const VERSION = 1;
const ENCRYPTED_VERSION = 2;
const START_BYTES = MAGIC.length + 4;
const ENCRYPTED_START_BYTES = START_BYTES + KEY_ID_BYTES + SALT_BYTES;
const FRAME_HEAD_BYTES = 5;
const DIGEST_BYTES = 32;
const END_BYTES = 8 + DIGEST_BYTES;
const HASHED_BYTES = 1024 * 1024;
const FRAME = { header: 1, records: 2, entries: 3 } as const;
/** The first byte of what a frame is sealed with: no row of a node's file has the same. */
const FRAME_CONTEXT = 4;
const FRAME_CONTEXT_BYTES = 10;

const INDEX = z.int().min(0);
const HEADER = z.object({
  /** The id of the cluster that it was taken from. */
  cluster: z.int().min(0),
  /** The last entry that it has. */
  index: INDEX,
  /** Of the leader when it was taken. */
  term: INDEX,
  members: z.array(z.int().min(1)).min(1),
  /** The kinds of the checkpoint's records, by their number in the file. */
  recordKinds: z.array(z.string()),
  /** The entry that the records cover; null where there are none. */
  checkpoint: z.object({ index: INDEX, term: INDEX }).nullable(),
});
/** What a backup is of. */
export type BackupHeader = z.infer<typeof HEADER>;

/** Where a backup is written. */
export interface BackupSink {
  /** Resolves once the bytes may be changed, and more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** A write in progress is rejected with the error, as are later ones. Default: they complete. */
  abort?(error: Error): void;
}

/** Writes a backup, frame by frame. */
export class BackupWriter {
  readonly #sink: BackupSink;
  readonly #start: Buffer;
  readonly #hash: Hash | Hmac;
  readonly #frames: Frames;
  #bytes = 0;

  /** @param keys the first one encrypts it. */
  constructor(sink: BackupSink, keys: EncryptionKeys | undefined) {
    this.#sink = sink;
    const version = Buffer.alloc(4);
    version.writeUInt32LE(keys === undefined ? VERSION : ENCRYPTED_VERSION);
    const salt = randomBytes(SALT_BYTES);
    const source = keys === undefined ? [] : [Buffer.from(keys[0].id, 'hex'), salt];
    this.#start = Buffer.concat([MAGIC, version, ...source]);
    this.#hash = keys === undefined ? createHash('sha256') : fileMac(keys[0], salt);
    this.#frames = new Frames(keys);
  }

  async begin(header: BackupHeader): Promise<void> {
    await this.#write(this.#start);
    await this.#frame(FRAME.header, Buffer.from(JSON.stringify(header)));
  }

  async records(records: readonly SnapshotRecord[]): Promise<void> {
    await this.#frame(FRAME.records, this.#frames.seal(FRAME.records, encodeRecords(records)));
  }

  async entries(entries: readonly Entry[]): Promise<void> {
    await this.#frame(FRAME.entries, this.#frames.seal(FRAME.entries, encodeEntries(entries)));
  }

  /** Writes the end. @returns the backup's size in bytes. */
  async end(): Promise<number> {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(this.#bytes + END_BYTES));
    await this.#write(length);
    await this.#write(this.#hash.digest(), false);
    return this.#bytes;
  }

  async #frame(type: number, contents: Uint8Array): Promise<void> {
    const head = Buffer.alloc(FRAME_HEAD_BYTES);
    head.writeUInt8(type);
    head.writeUInt32LE(contents.length, 1);
    await this.#write(head);
    await this.#write(contents);
  }

  async #write(bytes: Uint8Array, isHashed = true): Promise<void> {
    if (isHashed) this.#hash.update(bytes);
    await this.#sink.write(bytes);
    this.#bytes += bytes.length;
  }
}

/** Seals the frames of an encrypted backup, or opens them, in their order. Those of others stay as they are. */
class Frames {
  readonly #cipher: RecordCipher | undefined;
  #number = 0;

  constructor(keys: EncryptionKeys | undefined) {
    this.#cipher = keys === undefined ? undefined : new RecordCipher({ keys });
  }

  seal(type: number, contents: Uint8Array): Uint8Array {
    return this.#cipher === undefined ? contents : this.#cipher.seal(contents, this.#next(type));
  }

  /** @throws {SealError} */
  open(type: number, contents: Uint8Array): Uint8Array {
    return this.#cipher === undefined ? contents : this.#cipher.open(contents, this.#next(type));
  }

  #next(type: number): Uint8Array {
    this.#number += 1;
    const context = Buffer.alloc(FRAME_CONTEXT_BYTES);
    context.writeUInt8(FRAME_CONTEXT);
    context.writeUInt8(type, 1);
    context.writeDoubleBE(this.#number, 2);
    return context;
  }
}

export type BackupPart =
  | { readonly type: 'records'; readonly records: readonly SnapshotRecord[] }
  | { readonly type: 'entries'; readonly entries: readonly Entry[] };

/** A complete, unchanged backup. */
export class BackupFile implements AsyncDisposable {
  readonly header: BackupHeader;
  readonly #file: FileHandle;
  readonly #begin: number;
  readonly #end: number;
  /** Undefined for one that is not encrypted. */
  readonly #keys: EncryptionKeys | undefined;

  private constructor(file: FileHandle, header: BackupHeader, begin: number, { end, keys }: CheckedFile) {
    this.#file = file;
    this.header = header;
    this.#begin = begin;
    this.#end = end;
    this.#keys = keys;
  }

  /** Reads the whole file once. @throws {BackupError} BACKUP_DAMAGED, BACKUP_FORMAT, BACKUP_KEY_MISSING or BACKUP_FAILED. */
  static async open(path: string, keys: EncryptionKeys | undefined): Promise<BackupFile> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (cause) {
      throw unreadable(path, cause);
    }
    try {
      const checked = await checkFile(file, path, keys);
      const head = await readFrame(file, checked.begin);
      const header = HEADER.parse(JSON.parse(new TextDecoder().decode(head.contents)));
      return new BackupFile(file, header, head.next, checked);
    } catch (error) {
      await file.close();
      throw error instanceof BackupError ? error : unreadable(path, error);
    }
  }

  /** In the order of the file. */
  async *parts(): AsyncGenerator<BackupPart> {
    const frames = new Frames(this.#keys);
    for (let at = this.#begin; at < this.#end; ) {
      const { type, contents: stored, next } = await readFrame(this.#file, at);
      const contents = frames.open(type, stored);
      at = next;
      yield type === FRAME.records
        ? { type: 'records', records: decodeRecords(contents) }
        : { type: 'entries', entries: decodeEntries(contents) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

interface CheckedFile {
  /** Where its frames begin and end. */
  readonly begin: number;
  readonly end: number;
  readonly keys: EncryptionKeys | undefined;
}

/** @throws {BackupError} */
async function checkFile(file: FileHandle, path: string, keys: EncryptionKeys | undefined): Promise<CheckedFile> {
  const { size } = await file.stat();
  const start = await readAt(file, 0, Math.min(size, START_BYTES));
  if (start.length < START_BYTES || !start.subarray(0, MAGIC.length).equals(MAGIC))
    throw new BackupError('BACKUP_DAMAGED', `${path} is not a backup of jobraft: it does not begin like one. Name another file.`);
  const version = start.readUInt32LE(MAGIC.length);
  const isEncrypted = version === ENCRYPTED_VERSION;
  if (version !== VERSION && !isEncrypted)
    throw new BackupError(
      'BACKUP_FORMAT',
      `${path} has version ${version} of the format, and this release reads ${VERSION} and ${ENCRYPTED_VERSION}. Restore it with a later release.`,
    );
  const begin = isEncrypted ? ENCRYPTED_START_BYTES : START_BYTES;
  const length = size < begin + END_BYTES ? -1 : Number((await readAt(file, size - END_BYTES, 8)).readBigUInt64LE());
  if (length !== size)
    throw new BackupError(
      'BACKUP_DAMAGED',
      `${path} is truncated, or was appended to: it has ${size} bytes, and its end is missing. Use another copy of it.`,
    );
  const hash = isEncrypted ? macOf(path, await readAt(file, START_BYTES, KEY_ID_BYTES + SALT_BYTES), keys) : createHash('sha256');
  for (let at = 0; at < size - DIGEST_BYTES; at += HASHED_BYTES)
    hash.update(await readAt(file, at, Math.min(HASHED_BYTES, size - DIGEST_BYTES - at)));
  if (!hash.digest().equals(await readAt(file, size - DIGEST_BYTES, DIGEST_BYTES)))
    throw new BackupError('BACKUP_DAMAGED', `${path} was altered: its contents do not match its checksum. Use another copy of it.`);
  return { begin, end: size - END_BYTES, keys: isEncrypted ? keys : undefined };
}

/** @throws {BackupError} BACKUP_KEY_MISSING */
function macOf(path: string, source: Buffer, keys: EncryptionKeys | undefined): Hmac {
  const id = source.toString('hex', 0, KEY_ID_BYTES);
  const key = keys?.find((known) => known.id === id);
  if (key !== undefined) return fileMac(key, source.subarray(KEY_ID_BYTES));
  const found = keys === undefined ? 'no keys were given' : `the keys that were given are ${keys.map((known) => known.id).join(', ')}`;
  throw new BackupError(
    'BACKUP_KEY_MISSING',
    `${path} is encrypted with the key ${id}, and ${found}. Give a file that has this key too, by "encryption", --encryption-keys or JOBRAFT_ENCRYPTION_KEYS.`,
  );
}

async function readFrame(file: FileHandle, at: number) {
  const head = await readAt(file, at, FRAME_HEAD_BYTES);
  const length = head.readUInt32LE(1);
  const contents = await readAt(file, at + FRAME_HEAD_BYTES, length);
  return {
    type: head.readUInt8(0),
    contents: new Uint8Array(contents.buffer, contents.byteOffset, length),
    next: at + FRAME_HEAD_BYTES + length,
  };
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read);
    if (bytesRead === 0) throw new Error(`the file ends at ${at + read}`);
    read += bytesRead;
  }
  return bytes;
}

function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.u32(entries.length);
  for (const { index, term, kind, data } of entries) {
    writer.f64(index);
    writer.f64(term);
    writer.u8(ENTRY_KINDS.indexOf(kind));
    writer.blob(data);
  }
  return writer.copy();
}

function decodeEntries(contents: Uint8Array): Entry[] {
  const reader = new ByteReader(contents);
  return Array.from({ length: reader.u32() }, () => ({
    index: asIndex(reader.f64()),
    term: asTerm(reader.f64()),
    kind: ENTRY_KINDS[reader.u8()] ?? 'noop',
    data: reader.blob(),
  }));
}
