import { countOf, formatCount, formatFew, formatMedian, formatSpread } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import { steadyMark, steadyRounds } from '../../measuring/steadiness.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import { batchingFactors, type Range } from '../../questions/reasons/reasons-figures.ts';
import { electionsOf, type ReasonsRow } from '../../questions/reasons/reasons-row.ts';
import { VARIANT_NAMES, type VariantName } from '../../questions/reasons/variants.ts';
import { SMALL_RATES } from '../limits.ts';
import type { Section } from '../table.ts';

/** Where an add of 640 B near the beginning, near message 475 and at the end of the series is looked up. */
const GROWTH_AT = [25, 475, 1000];

export function reasonsSection({ rows }: Answer<ReasonsRow>): Section {
  const rateOf = (variant: VariantName): readonly number[] => valuesOf(rows, variant, 'rate', ({ adds_per_s }) => adds_per_s);
  const own = rateOf('jobraft as it is');
  const rowOf = (variant: VariantName): readonly string[] => {
    const rate = rateOf(variant);
    const of = rows.filter((row) => row.variant === variant);
    const rates = of.filter(({ kind }) => kind === 'rate');
    return [
      variant,
      formatSpread(rate, steadyMark(rates)),
      rate.length === 0 || own.length === 0 ? '–' : formatFew(median(rate) / median(own), Math.min(rate.length, own.length)),
      ...[String(rates.length), steadyRounds(rates)],
      formatSpread(valuesOf(rows, variant, 'alone', ({ p50_ms }) => p50_ms)),
      formatCount(electionsOf(of).elections),
    ];
  };
  return {
    title: 'Why is it fast?',
    ...reasonsAnswer(rows),
    note: 'Three nodes with one property taken away. n: rounds; "Of as it is": ratio of the medians; elections, of which there should be none, are summed.',
    terms: [
      'Group commit off: each entry of a turn is a transaction of its own.',
      'One command an entry: a request has one operation, and each entry one request. Neither: both at once.',
      'Whole log rewritten: each append writes all entries so far into a file and syncs it, as the original does, and the log is never shortened; its rate falls with each add, so that it does not become steady.',
      'Durability off: nothing is synced (no fdatasync).',
      'Adds (/s): 64 B, 16 clients, 4,000 in flight; "Steady rounds": those whose rate became steady. One add: one at a time.',
      SMALL_RATES,
      ...growthLine(rows),
    ],
    table: {
      header: ['Variant', ...['Adds (/s)', 'Of as it is', 'n', 'Steady rounds', 'One add, p50 (ms)'], 'Elections'],
      rows: VARIANT_NAMES.filter((variant) => rows.some((row) => row.variant === variant)).map(rowOf),
    },
    charts: ['reasons', 'reasons-growth'],
  };
}

/** An add one at a time at the places of {@link GROWTH_AT}, of the variants that have them. */
function growthLine(rows: readonly ReasonsRow[]): readonly string[] {
  const variants = VARIANT_NAMES.flatMap((variant) => {
    const times = GROWTH_AT.map((last) => valuesOf(rows.filter(isUpTo(last)), variant, 'growth', ({ p50_ms }) => p50_ms));
    return times.every(({ length }) => length === 0) ? [] : [`${variant} ${times.map(formatMedian).join(', ')} ms`];
  });
  if (variants.length === 0) return [];
  const places = GROWTH_AT.map(formatCount).join(', ');
  return [
    `Adds of 640 B, one at a time, the median of 25 up to number ${places}, after 500 adds of 1 B, for which the code is compiled: ${variants.join('; ')} (medians of the rounds). The original, another program on another machine, stopped near message 475, which is here for orientation only.`,
  ];
}

function reasonsAnswer(rows: readonly AnswerRow<ReasonsRow>[]): Pick<Section, 'answer' | 'brief'> {
  const factors = batchingFactors(rows);
  if (factors === undefined) return {};
  const { both, commandsAlone, commitsAlone, withoutCommands, withoutCommits, rates, rounds, notSteady, areCommitsIndistinct } = factors;
  const few = (value: number): string => formatFew(value, rounds);
  const range = ({ low, high }: Range): string => `${few(low)}–${few(high)}`;
  const times = (factor: Range): string => `${few(factor.median)} (${range(factor)})`;
  const commits = `${times(withoutCommits)}; by round ${range(rates.noCommits)} adds/s without it, ${range(rates.asItIs)} with it`;
  const unsteady = notSteady.length === 0 ? '' : ` Not steady in any round: ${notSteady.join(', ')}.`;
  return {
    brief: areCommitsIndistinct
      ? `Many commands an entry: ${times(commandsAlone)} times as fast. Group commit alone: ${times(commitsAlone)} times; beside the other nothing measurable.${unsteady}`
      : `Many commands an entry and group commit: ${times(both)} times as fast as neither.${unsteady}`,
    answer: `It puts many commands into an entry and many entries into a commit (group commit). Against neither (${range(rates.neither)} adds/s by round), as medians and ranges of the ratios in ${countOf(rounds, 'round')}: both ${times(both)} times, many commands an entry alone ${times(commandsAlone)} times, group commit alone ${times(commitsAlone)} times. Taken from the whole: without many commands an entry it is slower by a factor of ${times(withoutCommands)}; without group commit ${areCommitsIndistinct ? `the difference is not distinguishable from that between rounds: ${commits}` : `by ${commits}`}.${unsteady}`,
  };
}

const isUpTo = (last: number) => (row: ReasonsRow) => row.last_add === last;

function valuesOf(
  rows: readonly ReasonsRow[],
  variant: VariantName,
  kind: ReasonsRow['kind'],
  column: (row: ReasonsRow) => number | null,
): readonly number[] {
  return rows.flatMap((row) => {
    const value = column(row);
    return row.variant === variant && row.kind === kind && value !== null ? [value] : [];
  });
}
