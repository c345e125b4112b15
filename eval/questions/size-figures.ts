import { median } from '../measuring/statistics.ts';
import type { SizeRow } from './size.ts';

type Column = 'in_flight' | 'adds_per_s' | 'mb_per_s' | 'service_p50_ms' | 'service_p99_ms';

/** The rounds of one payload. */
export interface SizeRounds {
  readonly bytes: number;
  readonly rows: readonly SizeRow[];
}

/** Of jobraft, ascending. */
export function payloadsOf(rows: readonly SizeRow[]): readonly SizeRounds[] {
  const own = rows.flatMap((row) => (row.subject === 'jobraft' && row.payload_bytes !== null ? [{ row, bytes: row.payload_bytes }] : []));
  const groups = [...Map.groupBy(own, ({ bytes }) => bytes)].sort(([a], [b]) => a - b);
  return groups.map(([bytes, of]) => ({ bytes, rows: of.map(({ row }) => row) }));
}

/** Of the rounds that have one. */
export const valuesOf = (rows: readonly SizeRow[], column: Column): readonly number[] =>
  rows.flatMap((row) => (row[column] === null ? [] : [row[column]]));

/** An add that takes this many times as long as one of the next larger payload, with no more bytes in flight, is an anomaly. */
const ANOMALY_TIMES = 1.5;

/** The first payload that is slower than the next larger one; `undefined` where none is. */
export function anomalyIn(rows: readonly SizeRow[]): { readonly slow: SizeRounds; readonly larger: SizeRounds } | undefined {
  const payloads = payloadsOf(rows);
  for (const [at, slow] of payloads.entries()) {
    const larger = payloads[at + 1];
    if (larger === undefined) return undefined;
    const [own, next] = [slow, larger].map((of) => valuesOf(of.rows, 'service_p50_ms'));
    if (own === undefined || next === undefined || own.length === 0 || next.length === 0) continue;
    if (median(own) >= ANOMALY_TIMES * median(next)) return { slow, larger };
  }
  return undefined;
}
