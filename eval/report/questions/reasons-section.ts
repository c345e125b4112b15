import { formatCount, formatNumber, formatOptional } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import type { Answer } from '../../questions/question-file.ts';
import { electionsOf, type ReasonsRow } from '../../questions/reasons/reasons-row.ts';
import { VARIANT_NAMES, type VariantName } from '../../questions/reasons/variants.ts';
import type { Section } from '../table.ts';

/** Where an add of 640 B near the beginning, near message 475 and at the end of the series is looked up. */
const GROWTH_AT = [25, 475, 1000];

export function reasonsSection({ rows }: Answer<ReasonsRow>): Section {
  const own = figureOf(rows, 'jobraft as it is', 'rate', ({ adds_per_s }) => adds_per_s);
  const times = (variant: VariantName): string => {
    const rate = figureOf(rows, variant, 'rate', ({ adds_per_s }) => adds_per_s);
    return own === null || rate === null ? '–' : formatNumber(own / rate);
  };
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
      ...GROWTH_AT.map((last) => formatOptional(figureOf(of.filter(isUpTo(last)), variant, 'growth', ({ p50_ms }) => p50_ms))),
      formatCount(electionsOf(of).elections),
    ];
  };
  return {
    title: 'Why is it fast?',
    answer: `It puts many commands into an entry and many entries into a commit: with both it is ${times('neither of the two')} times as fast as with neither. Many commands an entry alone give ${times('one command an entry')} times, group commit alone ${times('group commit off')} times.`,
    note: 'Three nodes with one property taken away. Group commit off: each entry of a turn is a transaction of its own. One command an entry: a request has one operation, and each entry one request. Neither: both at once. Whole log rewritten: each append writes all entries so far into a file and syncs it, as the original does, and the log is never shortened; its rate falls with each add, so it is no steady one. Durability off: no fsync. Adds of 64 B by 16 clients, 4,000 in flight in steady state; and one at a time. After 25, 475 and 1,000 messages of 640 B: the median of the last 25 adds, one at a time, after 500 adds of 1 B, in which the code is compiled; the original stopped near message 475. Elections, of which there should be none, are summed over the rounds; else medians of the rounds.',
    table: {
      header: [
        'Variant',
        ...['Adds (/s)', 'Of as it is', 'Steady', 'One add, p50 (ms)'],
        ...GROWTH_AT.map((last) => `Add ${formatCount(last)} of 640 B (ms)`),
        'Elections',
      ],
      rows: VARIANT_NAMES.filter((variant) => rows.some((row) => row.variant === variant)).map(rowOf),
    },
    charts: ['reasons', 'reasons-growth'],
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
