import { countOf } from '../measuring/format.ts';
import type { RunRow } from './run-row.ts';

/** What must not happen to messages, over any runs. Runs whose figures are invalid count like the others. */
export interface DeliveryCounts {
  readonly acknowledged: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly changed: number;
  /** Runs whose queue was not seen empty in the end, so that more may be lost. */
  readonly undrained: number;
  /** In runs without a fault, where there should be none. */
  readonly elections: number;
}

export function countDeliveries(rows: readonly RunRow[]): DeliveryCounts {
  const sum = (column: 'acknowledged' | 'lost' | 'duplicated' | 'changed'): number => rows.reduce((total, row) => total + row[column], 0);
  return {
    acknowledged: sum('acknowledged'),
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    changed: sum('changed'),
    undrained: rows.filter((row) => row.attempted > 0 && !row.drained).length,
    elections: rows.reduce((total, row) => total + (row.elections ?? 0), 0),
  };
}

/** Sentences such as `3 messages lost`; empty when all is well. */
export function deliveryFaultsOf(rows: readonly RunRow[]): readonly string[] {
  const { lost, duplicated, changed, undrained } = countDeliveries(rows);
  return [
    ...(lost > 0 ? [`${countOf(lost, 'message')} lost`] : []),
    ...(duplicated > 0 ? [`${countOf(duplicated, 'message')} delivered more than once`] : []),
    ...(changed > 0 ? [`${countOf(changed, 'payload')} changed`] : []),
    ...(undrained > 0 ? [`${countOf(undrained, 'queue')} not drained`] : []),
  ];
}

/** Nothing was measured: the cluster did not start, or the harness failed. */
export const isBroken = (row: RunRow): boolean => row.attempted === 0;

/** The share of messages that may be sent later than the settings allow, before the run counts as late. */
const LATE_SHARE_MAX = 0.01;

/** The sender did not keep its schedule: the latencies contain its own lateness, whatever caused it. */
export const isLate = (row: RunRow): boolean => (row.generator_late_share ?? 0) > LATE_SHARE_MAX;
