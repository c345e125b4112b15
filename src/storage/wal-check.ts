import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { StorageError } from './errors.ts';
import { damaged, storageErrorOf } from './sqlite-errors.ts';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Stored big-endian; its last bit is set for checksums of big-endian words. */
const MAGIC = 0x377f0682;

interface WalHeader {
  readonly littleEndian: boolean;
  readonly pageBytes: number;
  readonly saltA: number;
  readonly saltB: number;
}

/**
 * Checks a WAL that an unclean stop left for damage in its middle, before SQLite reads it. SQLite treats the first bad frame as the end of
 * the log and silently drops everything after it: harmless for the torn write of a transaction that was never acknowledged, but a flipped
 * bit earlier in the file would lose acknowledged votes and entries.
 *
 * The two cases are distinguished as follows: a transaction is written only after the previous one was synced. If a transaction ends after
 * the first bad frame and another frame of the same generation (the same salts) follows, then the bad frame had been synced. Damage in the
 * last transaction of the file cannot be distinguished from a torn write. Format:
 * https://www.sqlite.org/fileformat2.html#the_write_ahead_log. The rule holds because every open restarts the WAL, so that no two crashes
 * leave frames in one generation. Without fsync (`durability: 'off'`) a power cut may also leave such a log; it has lost acknowledged data
 * as well, so it counts as damaged.
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
      // A file system may leave zeros where a new file grew and the power failed before its data was written.
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

/** Whether there is a WAL. An empty one has no data: a read-only connection creates one. */
export const hasWal = (file: string): boolean => (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** The error for a file that was open when its process ended: it then has a WAL, which is never empty. */
export const walMissing = (file: string): StorageError =>
  damaged(
    file,
    `it was open when its process ended, and its write-ahead log ${file}-wal is missing, which has the latest acknowledged data. Put that back beside it`,
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

/** SQLite's own running checksum: not a CRC, but the one in the file. */
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
