import { median } from '../../measuring/statistics.ts';
import type { ReasonsRow } from './reasons-row.ts';
import type { VariantName } from './variants.ts';

/** A median of rounds, and their range. */
export interface RateOfRounds {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What batching gives, as ratios of median rates. */
export interface BatchingFactors {
  /** Rate of both levels to that of neither. */
  readonly both: number;
  /** Rate of one level to that of neither. */
  readonly commandsAlone: number;
  readonly commitsAlone: number;
  /** Rate of both to that without the one level. */
  readonly withoutCommands: number;
  readonly withoutCommits: number;
  readonly rates: { readonly asItIs: RateOfRounds; readonly noCommits: RateOfRounds; readonly neither: RateOfRounds };
  /** Some round without group commit is as fast as some round with it. */
  readonly areCommitsIndistinct: boolean;
}

export function rateOf(rows: readonly ReasonsRow[], variant: VariantName): RateOfRounds | undefined {
  const rates = rows.flatMap((row) => (row.kind === 'rate' && row.variant === variant && row.adds_per_s !== null ? [row.adds_per_s] : []));
  return rates.length === 0 ? undefined : { median: median(rates), low: Math.min(...rates), high: Math.max(...rates) };
}

/** `undefined` where a variant was not measured. */
export function batchingFactors(rows: readonly ReasonsRow[]): BatchingFactors | undefined {
  const asItIs = rateOf(rows, 'jobraft as it is');
  const noCommits = rateOf(rows, 'group commit off');
  const noCommands = rateOf(rows, 'one command an entry');
  const neither = rateOf(rows, 'neither of the two');
  if (asItIs === undefined || noCommits === undefined || noCommands === undefined || neither === undefined) return undefined;
  return {
    both: asItIs.median / neither.median,
    // Without group commit, many commands an entry are what is left, and the other way round.
    commandsAlone: noCommits.median / neither.median,
    commitsAlone: noCommands.median / neither.median,
    withoutCommands: asItIs.median / noCommands.median,
    withoutCommits: asItIs.median / noCommits.median,
    rates: { asItIs, noCommits, neither },
    areCommitsIndistinct: noCommits.high >= asItIs.low && noCommits.low <= asItIs.high,
  };
}
