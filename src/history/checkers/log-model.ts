import { LOG_ROWS_MAX } from '../../protocol/limits.ts';
import type { OperationOf } from '../operation.ts';

/** The values of the rows of a log with a space between them, the oldest first; undefined when they are unknown. */
export type LogRows = string | undefined;

/** In place of the rows after an operation whose result they do not allow. */
export const IMPOSSIBLE = 'impossible';

type LogOperation = OperationOf<'addLog'> | OperationOf<'clearLogs'> | OperationOf<'getLogs'>;

/** The log after an operation. @param terms of the job. */
export function rowsAfter(rows: LogRows, operation: LogOperation, { keepLogs = 0 }: { readonly keepLogs?: number }): LogRows {
  switch (operation.f) {
    case 'addLog':
      return logged(rows, operation, keepLogs);
    case 'clearLogs':
      return newest(rows, operation.call.keepMax);
    default:
      return areRowsOf(operation, rows) ? rows : IMPOSSIBLE;
  }
}

const valuesOf = (rows: string): readonly string[] => (rows === '' ? [] : rows.split(' '));

function newest(rows: LogRows, count: number): LogRows {
  if (count === 0) return '';
  return rows === undefined ? undefined : valuesOf(rows).slice(-count).join(' ');
}

function logged(rows: LogRows, { call, result }: OperationOf<'addLog'>, keepLogs: number): LogRows {
  if (call.value === undefined || rows === undefined) return undefined;
  const kept = Math.min(call.keepMax || LOG_ROWS_MAX, keepLogs || LOG_ROWS_MAX);
  const values = [...valuesOf(rows), String(call.value)].slice(-kept);
  return result === undefined || result.rows === values.length ? values.join(' ') : IMPOSSIBLE;
}

/** Whether a read shows rows of this log: at least one if there is one, and perhaps fewer than it asks for. */
function areRowsOf({ call, result }: OperationOf<'getLogs'>, rows: LogRows): boolean {
  if (rows === undefined || result === undefined) return true;
  const all = valuesOf(rows);
  if (result.total !== all.length) return false;
  if (result.values === undefined) return true;
  const expected = (call.isDescending ? [...all].reverse() : all).slice(call.start, call.start + call.countMax);
  const shown = valuesOf(result.values);
  return shown.length > 0 === expected.length > 0 && shown.every((value, at) => value === expected[at]);
}
