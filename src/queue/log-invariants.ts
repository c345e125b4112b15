import { invariant } from '../base/invariant.ts';
import { LOG_SEGMENT_ROWS, segmentOf } from './job-log.ts';
import type { JobStore } from './job-store.ts';

/** Each log has rows, within its bounds, and its job is there. */
export function checkLogs({ logs, table }: JobStore): void {
  const { logRowsMax, logBytesMax } = logs.bounds;
  let count = 0;
  for (const [jobId, log] of logs.values()) {
    const what = `the log of job ${jobId}`;
    const { first, next, segmentBytes, bytes, memoryFrom, rows, rowBytes } = log;
    count += 1;
    invariant(table.get(jobId) !== undefined, () => `${what} is there without it`);
    invariant(first >= 0 && first < next && next - first <= logRowsMax, () => `${what} has the rows from ${first} to before ${next}`);
    const segments = segmentOf(next - 1) - segmentOf(first) + 1;
    invariant(segmentBytes.length === segments, () => `${what} has ${segments} segments and counts ${segmentBytes.length}`);
    const sum = segmentBytes.reduce((total, size) => total + size, 0);
    invariant(sum === bytes && (bytes <= logBytesMax || segments === 1), () => `${what} has ${sum} bytes and counts ${bytes}`);
    invariant(
      memoryFrom >= first && rows.length === next - memoryFrom,
      () => `${what} has ${rows.length} rows in memory, from ${memoryFrom} on`,
    );
    invariant(
      rowBytes === rows.reduce((total, row) => total + row.length, 0),
      () => `${what} counts ${rowBytes} bytes in memory; a segment has ${LOG_SEGMENT_ROWS} rows`,
    );
  }
  invariant(count === logs.size, () => `${count} jobs have a log, and ${logs.size} are counted`);
}
