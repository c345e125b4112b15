import { median } from '../../measuring/statistics.ts';
import type { AnswerRow } from '../question-file.ts';
import type { LoadRow } from './load.ts';

/** A round sustains a rate if it completes this share of it in the measured time: chance alone moves the arrivals of 20 s by less. */
export const SUSTAINED_SHARE = 0.98;

/** A rate at which messages were offered, as a share of the first capacity. */
export type RateRow = AnswerRow<LoadRow> & { readonly rate_share: number; readonly offered_per_s: number; readonly backlog: number };

export const isRate = (row: AnswerRow<LoadRow>): row is RateRow =>
  row.rate_share !== null && row.offered_per_s !== null && row.backlog !== null;

/** What was sent in the warm-up must be completed, too, before the measured time. */
export const isSustained = ({ achieved_per_s, offered_per_s, backlog }: RateRow): boolean =>
  backlog === 0 && achieved_per_s >= SUSTAINED_SHARE * offered_per_s;

/** The capacity of each round, in messages a second; the offered rates are shares of the first. */
export interface Capacity {
  readonly first: number;
  readonly median: number;
  readonly rounds: readonly number[];
}

/** `undefined` where none was measured. */
export function capacitiesOf(rows: readonly LoadRow[]): Capacity | undefined {
  const rounds = rows.filter(({ rate_share }) => rate_share === null).map(({ achieved_per_s }) => achieved_per_s);
  const [first] = rounds;
  return first === undefined ? undefined : { first, median: median(rounds), rounds };
}

/** The rounds of each offered rate, ascending. */
export function ratesOf(rows: readonly AnswerRow<LoadRow>[]): readonly (readonly [RateRow, ...RateRow[]])[] {
  const groups = [...Map.groupBy(rows.filter(isRate), ({ rate_share }) => rate_share)].sort(([a], [b]) => a - b);
  return groups.flatMap(([, [first, ...others]]) => (first === undefined ? [] : [[first, ...others] as const]));
}

/** The highest rate up to which all rounds sustain all rates, `undefined` where there is none; and all rates above it, ascending. */
export function sustainedOf(rows: readonly AnswerRow<LoadRow>[]): {
  readonly highest: readonly RateRow[] | undefined;
  readonly beyond: readonly (readonly RateRow[])[];
} {
  const rates = ratesOf(rows);
  const at = rates.findIndex((rounds) => !rounds.every(isSustained));
  return { highest: at < 0 ? rates.at(-1) : rates[at - 1], beyond: at < 0 ? [] : rates.slice(at) };
}

/** `2 of 3`: the rounds that sustain a rate. */
export const sustainedRounds = (rounds: readonly RateRow[]): string => `${rounds.filter(isSustained).length} of ${rounds.length}`;

/** What the warm-up left waiting was not gone when the measured time began: the latency is not steady. */
export const hasBacklog = (rounds: readonly RateRow[]): boolean => rounds.some(({ backlog }) => backlog > 0);
