import { formatNumber } from '../../measuring/format.ts';
import { type ElectionRow, LIMIT_MS } from './elections.ts';
import type { TimeoutRange } from './timeout-ranges.ts';

export const rangeOf = ({ timeout_min_ms, timeout_max_ms }: ElectionRow): TimeoutRange => ({
  minMs: timeout_min_ms,
  maxMs: timeout_max_ms,
});

/** Milliseconds of the trials with these timeouts; infinity where no leader was elected. */
export const withoutLeaderMs = (rows: readonly ElectionRow[], { minMs, maxMs }: TimeoutRange): readonly number[] =>
  rows
    .filter((row) => row.timeout_min_ms === minMs && row.timeout_max_ms === maxMs)
    .map(({ without_leader_ms }) => without_leader_ms ?? Number.POSITIVE_INFINITY);

/** The least value that this share of the values does not exceed: the nearest rank, since the worst may be infinite. @param values not empty. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const shareWithin = (values: readonly number[], limitMs: number): number =>
  values.filter((value) => value <= limitMs).length / values.length;

/** `287`, or `> 60,000` where no leader was elected. */
export const formatWithoutLeader = (ms: number): string => (Number.isFinite(ms) ? formatNumber(ms) : `> ${formatNumber(LIMIT_MS)}`);

export const msOf = (ms: number): string => `${formatWithoutLeader(ms)} ms`;
