import { formatCount, formatNumber, formatOptional } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import type { Answer } from '../../questions/question-file.ts';
import { batchingFactors, type RateOfRounds } from '../../questions/reasons/reasons-figures.ts';
import { electionsOf, type ReasonsRow } from '../../questions/reasons/reasons-row.ts';
import { VARIANT_NAMES, type VariantName } from '../../questions/reasons/variants.ts';
import { SMALL_RATES } from '../limits.ts';
import type { Section } from '../table.ts';

/** Where an add of 640 B near the beginning, near message 475 and at the end of the series is looked up. */
const GROWTH_AT = [25, 475, 1000];

export function reasonsSection({ rows }: Answer<ReasonsRow>): Section {
  const own = figureOf(rows, 'jobraft as it is', 'rate', ({ adds_per_s }) => adds_per_s);
  const rowOf = (variant: VariantName): readonly string[] => {
    const rate = figureOf(rows, variant, 'rate', ({ adds_per_s }) => adds_per_s);
    const of = rows.filter((row) => row.variant === variant);
    const rates = of.filter(({ kind }) => kind === 'rate');
    return [
      variant,
      formatOptional(rate),
      rate === null || own === null ? '–' : formatNumber(rate / own),
      `${rates.filter(({ is_steady }) => is_steady === 1).length} of ${rates.length}`,
      formatOptional(figureOf(rows, variant, 'alone', ({ p50_ms }) => p50_ms)),
      formatCount(electionsOf(of).elections),
    ];
  };
  return {
    title: 'Why is it fast?',
    ...reasonsAnswer(rows),
    note: 'Three nodes with one property taken away. Medians of the rounds; elections, of which there should be none, are summed.',
    terms: [
      'Group commit off: each entry of a turn is a transaction of its own.',
      'One command an entry: a request has one operation, and each entry one request. Neither: both at once.',
      'Whole log rewritten: each append writes all entries so far into a file and syncs it, as the original does, and the log is never shortened; its rate falls with each add, so it is no steady one.',
      'Durability off: no fsync.',
      'Adds (/s): 64 B, 16 clients, 4,000 in flight; "Steady" counts the rounds whose rate became steady. One add: one at a time.',
      SMALL_RATES,
      ...growthLine(rows),
    ],
    table: {
      header: ['Variant', ...['Adds (/s)', 'Of as it is', 'Steady', 'One add, p50 (ms)'], 'Elections'],
      rows: VARIANT_NAMES.filter((variant) => rows.some((row) => row.variant === variant)).map(rowOf),
    },
    charts: ['reasons', 'reasons-growth'],
  };
}

/** An add one at a time at the places of {@link GROWTH_AT}, of the variants that have them. */
function growthLine(rows: readonly ReasonsRow[]): readonly string[] {
  const variants = VARIANT_NAMES.flatMap((variant) => {
    const times = GROWTH_AT.map((last) => figureOf(rows.filter(isUpTo(last)), variant, 'growth', ({ p50_ms }) => p50_ms));
    return times.every((time) => time === null) ? [] : [`${variant} ${times.map(formatOptional).join(', ')} ms`];
  });
  if (variants.length === 0) return [];
  const places = GROWTH_AT.map(formatCount).join(', ');
  return [
    `Adds of 640 B, one at a time, the median of 25 up to number ${places}, after 500 adds of 1 B, in which the code is compiled: ${variants.join('; ')}. The original stopped near message 475.`,
  ];
}

function reasonsAnswer(rows: readonly ReasonsRow[]): Pick<Section, 'answer' | 'brief'> {
  const factors = batchingFactors(rows);
  if (factors === undefined) return {};
  const { both, commandsAlone, commitsAlone, withoutCommands, withoutCommits, rates, areCommitsIndistinct } = factors;
  const range = ({ low, high }: RateOfRounds): string => `${formatNumber(low)}–${formatNumber(high)}`;
  const commits = `${formatNumber(withoutCommits)} (medians; by round ${range(rates.noCommits)} adds/s without it, ${range(rates.asItIs)} with it)`;
  return {
    brief: areCommitsIndistinct
      ? `Many commands an entry: ${formatNumber(commandsAlone)} times as fast. Group commit alone: ${formatNumber(commitsAlone)} times; beside the other nothing measurable.`
      : `Many commands an entry and group commit: ${formatNumber(both)} times as fast as neither.`,
    answer: `It puts many commands into an entry and many entries into a commit (group commit). Against neither (${range(rates.neither)} adds/s by round): both ${formatNumber(both)} times, many commands an entry alone ${formatNumber(commandsAlone)} times, group commit alone ${formatNumber(commitsAlone)} times. Taken from the whole: without many commands an entry it is slower by a factor of ${formatNumber(withoutCommands)}; without group commit ${areCommitsIndistinct ? `the difference is not distinguishable from that between rounds: ${commits}` : `by ${commits}`}.`,
  };
}

const isUpTo = (last: number) => (row: ReasonsRow) => row.last_add === last;

function figureOf(
  rows: readonly ReasonsRow[],
  variant: VariantName,
  kind: ReasonsRow['kind'],
  column: (row: ReasonsRow) => number | null,
): number | null {
  const values = rows.flatMap((row) => {
    const value = column(row);
    return row.variant === variant && row.kind === kind && value !== null ? [value] : [];
  });
  return values.length === 0 ? null : median(values);
}
