import { decodeText } from '../base/bytes.ts';
import { LOG_PAGE_BYTES_MAX } from '../protocol/limits.ts';
import { ErrorCode } from '../protocol/reply.ts';
import type { Execution } from './execution.ts';

export function addLog(run: Execution): void {
  const { queueName, jobId, token, keepMax, blobAt, blobLength } = run.operation;
  // Copied: it may stay in memory longer than its entry.
  const added = run.jobs.addLog(queueName, jobId, token, run.data.slice(blobAt, blobAt + blobLength), keepMax);
  if ('fault' in added) run.result(added.fault);
  else run.replies.result('logged', added);
}

export function clearLogs(run: Execution): void {
  const { queueName, jobId, keepMax } = run.operation;
  run.result(run.jobs.clearLogs(queueName, jobId, keepMax));
}

export function getLogs(run: Execution): void {
  const { queueName, jobId, start, countMax, isDescending } = run.operation;
  const job = run.jobs.table.get(jobId);
  if (job === undefined || job.queue.name !== queueName) {
    run.result(ErrorCode.jobNotFound);
    return;
  }
  const total = run.jobs.logs.get(jobId)?.count ?? 0;
  const end = Math.min(start + countMax, total);
  run.replies.result('logs', { total, rows: isDescending ? newest(run, jobId, total, start, end) : oldest(run, jobId, start, end) });
}

function oldest({ bytes }: Execution, jobId: number, start: number, end: number): string[] {
  const rows: string[] = [];
  let size = 0;
  for (const row of start < end ? bytes.logRowsOf(jobId, start, end) : []) {
    size += row.length;
    if (size > LOG_PAGE_BYTES_MAX && rows.length > 0) break;
    rows.push(decodeText(row));
  }
  return rows;
}

/** Read forwards, so that each record is read once: the rows that do not fit are those read first. */
function newest({ bytes }: Execution, jobId: number, total: number, start: number, end: number): string[] {
  const read = start < end ? [...bytes.logRowsOf(jobId, total - end, total - start)] : [];
  const rows: string[] = [];
  let size = 0;
  for (const row of read.reverse()) {
    size += row.length;
    if (size > LOG_PAGE_BYTES_MAX && rows.length > 0) break;
    rows.push(decodeText(row));
  }
  return rows;
}
