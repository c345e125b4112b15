import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { invariant } from '../base/invariant.ts';
import type { RecordChange } from '../protocol/record.ts';
import type { LogChanges } from './change-tracker.ts';
import { type JobLog, LOG_SEGMENT_ROWS, segmentOf, writeLog } from './job-log.ts';
import { logRowsKey, RecordKind } from './record.ts';

type ReadRecord = (kind: number, key: number) => Uint8Array | undefined;

/**
 * The rows of a job from one number to another, from memory and from the checkpoint: one record of it at a time.
 * @param from at least the first row that is kept. @param to at most the number of the next row.
 */
export function* logRows(jobId: number, log: JobLog, from: number, to: number, readRecord: ReadRecord): Generator<Uint8Array> {
  let row = from;
  while (row < Math.min(to, log.memoryFrom)) {
    const end = Math.min(to, log.memoryFrom, (segmentOf(row) + 1) * LOG_SEGMENT_ROWS);
    yield* storedRows(jobId, row, end, readRecord);
    row = end;
  }
  for (; row < to; row += 1) yield log.rows[row - log.memoryFrom] as Uint8Array;
}

/** Rows of one segment: its record is the number of its first row, and a blob for each row. */
function* storedRows(jobId: number, from: number, to: number, readRecord: ReadRecord): Generator<Uint8Array> {
  const segment = segmentOf(from);
  const record = readRecord(RecordKind.rows, logRowsKey(jobId, segment));
  invariant(record !== undefined, () => `the checkpoint has no segment ${segment} of the log of job ${jobId}`);
  const reader = new ByteReader(record);
  const first = reader.f64();
  invariant(first <= from, () => `segment ${segment} of the log of job ${jobId} begins with row ${first}, not ${from}`);
  for (let row = first; row < to; row += 1) {
    const bytes = reader.blob();
    if (row >= from) yield bytes;
  }
}

/** What the next checkpoint writes of logs. @param readRecord reads the rows that the last one has of a segment that has got more. */
export function* logRecords({ logs, removedLogs }: LogChanges, readRecord: ReadRecord): Generator<RecordChange> {
  for (const { jobId, from, to } of removedLogs) {
    yield { kind: RecordKind.logs, key: jobId, value: undefined };
    yield* goneSegments(jobId, from, to);
  }
  const writer = new ByteWriter(1024);
  for (const [jobId, log] of logs) {
    const firstSegment = segmentOf(log.first);
    const end = segmentOf(log.next - 1) + 1;
    yield* goneSegments(jobId, log.storedFrom, Math.min(firstSegment, log.storedTo));
    // Written from the first segment that has a row in memory.
    for (let segment = Math.max(firstSegment, segmentOf(log.memoryFrom)); segment < end && log.rows.length > 0; segment += 1) {
      writer.reset();
      const from = Math.max(log.first, segment * LOG_SEGMENT_ROWS);
      writer.f64(from);
      for (const row of logRows(jobId, log, from, Math.min(log.next, (segment + 1) * LOG_SEGMENT_ROWS), readRecord)) writer.blob(row);
      yield { kind: RecordKind.rows, key: logRowsKey(jobId, segment), value: writer.copy() };
    }
    log.storedFrom = firstSegment;
    log.storedTo = end;
    writer.reset();
    writeLog(writer, log);
    yield { kind: RecordKind.logs, key: jobId, value: writer.copy() };
  }
}

function* goneSegments(jobId: number, from: number, to: number): Generator<RecordChange> {
  for (let segment = from; segment < to; segment += 1) yield { kind: RecordKind.rows, key: logRowsKey(jobId, segment), value: undefined };
}
