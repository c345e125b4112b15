import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { StorageError } from './errors.ts';
import { damaged, storageErrorOf } from './sqlite-errors.ts';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Stored big-endian; its last bit says that the checksums were made of big-endian words. */
const MAGIC = 0x377f0682;

interface WalHeader {
  readonly littleEndian: boolean;
  readonly pageBytes: number;
  readonly saltA: number;
  readonly saltB: number;
}

/**
 * Looks for damage in the middle of a WAL that an unclean stop left behind, before SQLite reads it. SQLite takes the
 * first bad frame for the end of the log and forgets everything behind it without a word: harmless for the torn write
 * of a transaction that was never acknowledged, but a flipped bit further up would lose votes and entries that were.
 *
 * The two are told apart like this: a transaction is written only after the one before it was synced. If behind the
 * first bad frame a transaction ends and yet another frame of the same generation (the same salts) follows, then the
 * bad frame had been synced. What cannot be told apart is damage in the very last transaction of the file.
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. Holds because every open restarts the WAL, so that no
 * two crashes leave frames in one generation. Without fsync (`durability: 'off'`) a power cut may also leave such a log; what it has
 * lost was acknowledged all the same, so it is no less damaged.
 * @throws {StorageError} STORAGE_DAMAGED
 */
export function checkWal(file: string): void {
  const walFile = `${file}-wal`;
  const descriptor = openIfThere(walFile);
  if (descriptor === undefined) return;
  try {
    const bytes = new Uint8Array(HEADER_BYTES);
    if (readSync(descriptor, bytes, 0, HEADER_BYTES, 0) < HEADER_BYTES) return;
    const sums = new Uint32Array(2);
    const header = readHeader(bytes, sums);
    if (header === undefined) {
      // A file system may leave zeros where a new file was made longer and the power failed before its contents arrived.
      if (bytes.every((byte) => byte === 0)) return;
      throw damaged(walFile, 'its header does not match its checksum');
    }
    checkFrames(walFile, descriptor, header, sums);
  } catch (error) {
    throw storageErrorOf(error, walFile, 'check the write-ahead log');
  } finally {
    closeSync(descriptor);
  }
}

/** Whether there is a WAL. An empty one holds nothing: a connection that only reads makes one. */
export const hasWal = (file: string): boolean => (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** For a file that was open when its process ended: then it has a WAL, which is never empty. */
export const walMissing = (file: string): StorageError =>
  damaged(
    file,
    `it was open when its process ended, and its write-ahead log ${file}-wal is missing, which has what the node acknowledged last. Put that back beside it`,
  );

function openIfThere(walFile: string): number | undefined {
  try {
    return openSync(walFile, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw storageErrorOf(error, walFile, 'open the write-ahead log');
  }
}

function readHeader(bytes: Uint8Array, sums: Uint32Array): WalHeader | undefined {
  const view = new DataView(bytes.buffer);
  const magic = view.getUint32(0);
  if ((magic & ~1) >>> 0 !== MAGIC) return undefined;
  const littleEndian = (magic & 1) === 0;
  addSums(sums, view, 0, 24, littleEndian);
  if (view.getUint32(24) !== sums[0] || view.getUint32(28) !== sums[1]) return undefined;
  return { littleEndian, pageBytes: view.getUint32(8), saltA: view.getUint32(16), saltB: view.getUint32(20) };
}

function checkFrames(walFile: string, descriptor: number, header: WalHeader, sums: Uint32Array): void {
  const frameBytes = FRAME_HEADER_BYTES + header.pageBytes;
  const frame = new Uint8Array(frameBytes);
  const view = new DataView(frame.buffer);
  let firstBad: number | undefined;
  let endBehindBad = false;
  for (let number = 1; ; number += 1) {
    const at = HEADER_BYTES + (number - 1) * frameBytes;
    if (readSync(descriptor, frame, 0, frameBytes, at) < frameBytes) return;
    const sameGeneration = view.getUint32(8) === header.saltA && view.getUint32(12) === header.saltB;
    if (firstBad === undefined) {
      addSums(sums, view, 0, 8, header.littleEndian);
      addSums(sums, view, FRAME_HEADER_BYTES, frameBytes, header.littleEndian);
      if (sameGeneration && view.getUint32(16) === sums[0] && view.getUint32(20) === sums[1]) continue;
      firstBad = number;
    }
    if (!sameGeneration) continue;
    if (endBehindBad) throw damaged(walFile, `frame ${firstBad} does not match its checksum, and whole transactions follow it`);
    endBehindBad = view.getUint32(4) !== 0;
  }
}

/** SQLite's own running checksum: not a CRC, but it is what stands in the file. */
function addSums(sums: Uint32Array, view: DataView, from: number, to: number, littleEndian: boolean): void {
  let a = sums[0] as number;
  let b = sums[1] as number;
  for (let at = from; at < to; at += 8) {
    a = (a + view.getUint32(at, littleEndian) + b) >>> 0;
    b = (b + view.getUint32(at + 4, littleEndian) + a) >>> 0;
  }
  sums[0] = a;
  sums[1] = b;
}
