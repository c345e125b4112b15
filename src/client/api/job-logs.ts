import type { ReadConsistency } from '../../protocol/client-frame.ts';
import { LOG_ROW_BYTES_MAX, LOG_ROWS_MAX } from '../../protocol/limits.ts';
import { aBoolean, aValue, checkOptions, integerIn } from '../option-check.ts';
import { unexpectedResult } from '../result-errors.ts';
import { LogRowTooLargeError } from '../size-errors.ts';
import type { QueueCommands } from './job-commands.ts';
import type { JobIdentity } from './job-id.ts';

/** Rows of the log of a job. */
export interface JobLogRows {
  readonly logs: string[];
  /** How many rows the log has. */
  readonly count: number;
}

const ROW = aValue<string>((row) => typeof row === 'string' && row.isWellFormed(), 'Give a text of well-formed Unicode.');
const KEPT = integerIn(1, LOG_ROWS_MAX);
const CLEARED = integerIn(0, LOG_ROWS_MAX);
const POSITION = integerIn(-LOG_ROWS_MAX, 2 ** 31);

/** @throws {InvalidOptionError | LogRowTooLargeError} */
export function checkedLogRow(row: string): string {
  checkOptions(ROW, row, ['row']);
  const bytes = Buffer.byteLength(row);
  if (bytes > LOG_ROW_BYTES_MAX) throw new LogRowTooLargeError(bytes, LOG_ROW_BYTES_MAX);
  return row;
}

/** How many rows stay when one is added. @returns 0 if none are named. @throws {InvalidOptionError} */
export function keptRowsOf(keepLogs: number | undefined): number {
  if (keepLogs !== undefined) checkOptions(KEPT, keepLogs, ['keepLogs']);
  return keepLogs ?? 0;
}

/** How many rows stay when the others are dropped. @throws {InvalidOptionError} */
export function clearedRowsOf(keepLogs = 0): number {
  checkOptions(CLEARED, keepLogs, ['keepLogs']);
  return keepLogs;
}

/** Where a listing begins, how many rows it has, and in which order. */
export interface LogPage {
  readonly start: number;
  readonly countMax: number;
  readonly isDescending: boolean;
}

/** @returns undefined if the queue has no such job. */
export async function readLogPage(
  commands: QueueCommands,
  id: number,
  page: LogPage,
  consistency: ReadConsistency,
): Promise<{ readonly total: number; readonly rows: readonly string[] } | undefined> {
  const result = await commands.query(consistency, (encoder) => encoder.command('getLogs', { queue: commands.queue, jobId: id, ...page }));
  if (result.ok && result.type === 'logs') return result;
  if (!result.ok && result.code === 'JOB_NOT_FOUND') return undefined;
  throw unexpectedResult(result);
}

/**
 * The rows from position `start` to `end`, by as many reads as their bytes need.
 * @param id of the job. @throws {InvalidOptionError | DeadlineError | NoLeaderError}
 */
export async function readLogs(commands: QueueCommands, id: JobIdentity, start: number, end: number, asc: boolean): Promise<JobLogRows> {
  checkOptions(POSITION, start, ['start']);
  checkOptions(POSITION, end, ['end']);
  checkOptions(aBoolean, asc, ['asc']);
  const jobId = typeof id === 'number' ? id : (await commands.find(id, 'linearizable'))?.id;
  if (jobId === undefined) return { logs: [], count: 0 };
  const read = (from: number, countMax: number) =>
    readLogPage(commands, jobId, { start: from, countMax, isDescending: !asc }, 'linearizable');
  // A position from the end needs the number of rows first.
  let count = start < 0 ? ((await read(0, 1))?.total ?? 0) : Number.POSITIVE_INFINITY;
  const first = start < 0 ? Math.max(0, count + start) : start;
  const logs: string[] = [];
  for (;;) {
    const wanted = (end < 0 ? count + end : end) + 1 - first - logs.length;
    if (wanted <= 0 && logs.length > 0) break;
    const page = await read(first + logs.length, Math.min(LOG_ROWS_MAX, Math.max(1, wanted)));
    if (page === undefined) return { logs, count: 0 };
    count = page.total;
    const left = (end < 0 ? count + end : end) + 1 - first - logs.length;
    logs.push(...page.rows.slice(0, Math.max(0, left)));
    if (page.rows.length === 0 || left <= page.rows.length) break;
  }
  return { logs, count };
}
