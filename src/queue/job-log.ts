import type { ByteReader, ByteWriter } from '../base/bytes.ts';

/** Rows that share a record of the checkpoint. With rows of the largest size it has as many bytes as one job may have in all. */
export const LOG_SEGMENT_ROWS = 16;

export const segmentOf = (row: number): number => Math.floor(row / LOG_SEGMENT_ROWS);

/** The rows that a job has logged. They are numbered from 0 on, also those that were dropped; in memory are those that no checkpoint has. */
export class JobLog {
  /** The oldest row that is kept. */
  first = 0;
  /** The number of the next row. */
  next = 0;
  /** Bytes of the rows of each segment from that of `first` on, also of rows of it that were dropped. */
  readonly segmentBytes: number[] = [];
  /** Of all of these segments. */
  bytes = 0;
  /** The first row that is in memory, if any is; none of these fields from here on belongs to the logical state. */
  memoryFrom = 0;
  rows: Uint8Array[] = [];
  rowBytes = 0;
  /** The segments of which the checkpoint has a record: from this one to that of `storedTo - 1`. */
  storedFrom = 0;
  storedTo = 0;

  get count(): number {
    return this.next - this.first;
  }

  /** The checkpoint has a record of it. */
  get isStored(): boolean {
    return this.storedTo > 0;
  }

  append(row: Uint8Array): void {
    if (this.segmentBytes.length === 0 || this.next % LOG_SEGMENT_ROWS === 0) this.segmentBytes.push(0);
    this.segmentBytes[this.segmentBytes.length - 1] = (this.segmentBytes.at(-1) as number) + row.length;
    this.bytes += row.length;
    this.next += 1;
    this.rows.push(row);
    this.rowBytes += row.length;
  }

  /** Drops the oldest rows beyond so many. @param countMax at least 1. @param bytesMax beyond it the oldest whole segments are dropped. */
  trim(countMax: number, bytesMax: number): void {
    this.#dropBefore(this.next - countMax);
    while (this.bytes > bytesMax && this.segmentBytes.length > 1) this.#dropBefore((segmentOf(this.first) + 1) * LOG_SEGMENT_ROWS);
  }

  /** The rows in memory are on disk. */
  evict(): void {
    this.memoryFrom = this.next;
    this.rows = [];
    this.rowBytes = 0;
  }

  #dropBefore(first: number): void {
    if (first <= this.first) return;
    const gone = segmentOf(first) - segmentOf(this.first);
    this.first = first;
    for (const bytes of this.segmentBytes.splice(0, gone)) this.bytes -= bytes;
    if (first <= this.memoryFrom) return;
    for (const row of this.rows.splice(0, first - this.memoryFrom)) this.rowBytes -= row.length;
    this.memoryFrom = first;
  }
}

/** What is kept of a log beside its rows: its record, and its part of the digest. */
export function writeLog(to: ByteWriter, { first, next, segmentBytes }: JobLog): void {
  to.f64(first);
  to.f64(next);
  for (const bytes of segmentBytes) to.u32(bytes);
}

/** @throws {MalformedBytesError} */
export function readLog(from: ByteReader): JobLog {
  const log = new JobLog();
  log.first = from.f64();
  log.next = from.f64();
  while (from.remaining > 0) {
    const bytes = from.u32();
    log.segmentBytes.push(bytes);
    log.bytes += bytes;
  }
  log.memoryFrom = log.next;
  log.storedFrom = segmentOf(log.first);
  log.storedTo = segmentOf(log.next - 1) + 1;
  return log;
}
