import { median } from '../../measuring/statistics.ts';
import { isEstablished } from '../../measuring/steadiness.ts';
import type { AnswerRow } from '../question-file.ts';
import type { ReasonsRow } from './reasons-row.ts';
import type { VariantName } from './variants.ts';

/** A median of rounds, and their range. */
export interface Range {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What batching gives, as ratios of the rates of one round. */
export interface BatchingFactors {
  /** Rate of both levels to that of neither. */
  readonly both: Range;
  /** Rate of one level to that of neither. */
  readonly commandsAlone: Range;
  readonly commitsAlone: Range;
  /** Rate of both to that without the one level. */
  readonly withoutCommands: Range;
  readonly withoutCommits: Range;
  readonly rates: { readonly asItIs: Range; readonly noCommits: Range; readonly neither: Range };
  /** Rounds that have all of these rates. */
  readonly rounds: number;
  /** Variants whose rate became steady in no round. */
  readonly notSteady: readonly VariantName[];
  /** Some round without group commit is as fast as some round with it. */
  readonly areCommitsIndistinct: boolean;
}

type Rows = readonly AnswerRow<ReasonsRow>[];

const COMPARED = ['jobraft as it is', 'group commit off', 'one command an entry', 'neither of the two'] as const;
type Compared = (typeof COMPARED)[number];

/** `undefined` where no round has all variants. */
export function batchingFactors(rows: Rows): BatchingFactors | undefined {
  const rounds = [...Map.groupBy(rows, ({ round }) => round).values()].flatMap((of) => {
    const found = COMPARED.map((variant) => [variant, rateOf(of, variant)] as const);
    const isWhole = found.every(([, rate]) => rate !== undefined);
    return isWhole ? [Object.fromEntries(found) as Readonly<Record<Compared, number>>] : [];
  });
  if (rounds.length === 0) return undefined;
  const ratio = (of: Compared, to: Compared): Range => rangeOf(rounds.map((round) => round[of] / round[to]));
  const rates = (of: Compared): Range => rangeOf(rounds.map((round) => round[of]));
  const [asItIs, noCommits, neither] = [rates('jobraft as it is'), rates('group commit off'), rates('neither of the two')];
  return {
    both: ratio('jobraft as it is', 'neither of the two'),
    // Without group commit, many commands an entry are what is left, and the other way round.
    commandsAlone: ratio('group commit off', 'neither of the two'),
    commitsAlone: ratio('one command an entry', 'neither of the two'),
    withoutCommands: ratio('jobraft as it is', 'one command an entry'),
    withoutCommits: ratio('jobraft as it is', 'group commit off'),
    rates: { asItIs, noCommits, neither },
    rounds: rounds.length,
    notSteady: COMPARED.filter((variant) => !isEstablished(rows.filter((row) => row.variant === variant && row.kind === 'rate'))),
    areCommitsIndistinct: noCommits.high >= asItIs.low && noCommits.low <= asItIs.high,
  };
}

/** Of one round. */
function rateOf(rows: Rows, variant: VariantName): number | undefined {
  const rates = rows.flatMap((row) => (row.kind === 'rate' && row.variant === variant && row.adds_per_s !== null ? [row.adds_per_s] : []));
  return rates.length === 0 ? undefined : median(rates);
}

const rangeOf = (values: readonly number[]): Range => ({ median: median(values), low: Math.min(...values), high: Math.max(...values) });
