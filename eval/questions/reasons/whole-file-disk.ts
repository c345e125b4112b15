import { closeSync, constants, fdatasyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writevSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../../src/base/bytes.ts';
import { StorageError } from '../../../src/storage/errors.ts';
import { openFileLock } from '../../../src/storage/file-lock.ts';
import { type DiskImage, type DiskWrite, MemoryDisk, type StoredRow } from '../../../src/storage/memory-disk.ts';

/** Written in turns, so that a crash in the middle of a write leaves the other one. */
const FILES = ['log-0', 'log-1'];
const HEADER_BYTES = 16;

/**
 * The disk of a node that rewrites its whole log at each append, as the original does: every write puts everything into one file and syncs
 * it.
 */
export class WholeFileDisk extends MemoryDisk {
  readonly #lock: Disposable;
  readonly #files: readonly number[];
  readonly #writer = new ByteWriter(64 * 1024);
  #writes = 0;
  #isOpen = true;

  /** @param folder of its files; created if it is missing. @param diskId of new files. @throws {StorageError} STORAGE_IN_USE */
  constructor(folder: string, diskId: number) {
    super(diskId);
    mkdirSync(folder, { recursive: true });
    this.#lock = openFileLock(join(folder, 'log'));
    const paths = FILES.map((name) => join(folder, name));
    this.#files = paths.map((path) => openSync(path, constants.O_RDWR | constants.O_CREAT));
    for (const path of paths) this.#read(new Uint8Array(readFileSync(path)));
  }

  /** @throws {StorageError} */
  override write(change: DiskWrite): void {
    super.write(change);
    const file = this.#files[(this.#writes + 1) % FILES.length];
    if (file === undefined || !this.#isOpen) throw new StorageError('STORAGE_FAILED', 'The files of the log are closed. Open them again.');
    this.#writer.reset();
    writeImage(this.#writer, this.image);
    const body = this.#writer.view();
    const header = new ByteWriter(HEADER_BYTES);
    header.f64(this.#writes + 1);
    header.u32(body.length);
    header.u32(crc32(body));
    try {
      writevSync(file, [header.view(), body], 0);
      ftruncateSync(file, HEADER_BYTES + body.length);
      fdatasyncSync(file);
    } catch (cause) {
      throw new StorageError('STORAGE_FAILED', 'The log cannot be written. Free some space, and start the node again.', { cause });
    }
    this.#writes += 1;
  }

  override release(owner: object): void {
    if (this.isOwnedBy(owner) && this.#isOpen) {
      this.#isOpen = false;
      for (const file of this.#files) closeSync(file);
      this.#lock[Symbol.dispose]();
    }
    super.release(owner);
  }

  /** Takes what a file holds if that is complete, and newer than what was read before. */
  #read(bytes: Uint8Array): void {
    if (bytes.length < HEADER_BYTES) return;
    const reader = new ByteReader(bytes);
    const [writes, length, sum] = [reader.f64(), reader.u32(), reader.u32()];
    const body = bytes.subarray(HEADER_BYTES, HEADER_BYTES + length);
    if (writes <= this.#writes || body.length < length || crc32(body) !== sum) return;
    this.#writes = writes;
    readImage(new ByteReader(body), this.image);
  }
}

function writeImage(to: ByteWriter, { meta, entries, records }: DiskImage): void {
  to.u32(meta.size);
  for (const [id, row] of meta) {
    to.f64(id);
    writeRow(to, row);
  }
  to.u32(entries.length);
  for (const entry of entries) {
    to.f64(entry.position);
    to.f64(entry.term);
    to.u8(entry.kind);
    writeRow(to, entry);
  }
  to.u32(records.size);
  for (const [kind, rows] of records) {
    to.text(kind);
    to.u32(rows.size);
    for (const [key, row] of rows) {
      to.f64(key);
      writeRow(to, row);
    }
  }
}

function readImage(from: ByteReader, { meta, entries, records }: DiskImage): void {
  meta.clear();
  records.clear();
  entries.length = 0;
  for (let left = from.u32(); left > 0; left -= 1) meta.set(from.f64(), readRow(from));
  for (let left = from.u32(); left > 0; left -= 1) {
    const [position, term, kind] = [from.f64(), from.f64(), from.u8()];
    entries.push({ position, term, kind, ...readRow(from) });
  }
  for (let left = from.u32(); left > 0; left -= 1) {
    const rows = new Map<number, StoredRow>();
    records.set(from.text(), rows);
    for (let rest = from.u32(); rest > 0; rest -= 1) rows.set(from.f64(), readRow(from));
  }
}

function writeRow(to: ByteWriter, { value, checksum }: StoredRow): void {
  to.u32(checksum);
  to.blob(value);
}

const readRow = (from: ByteReader): StoredRow => ({ checksum: from.u32(), value: from.blob().slice() });
