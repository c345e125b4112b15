import { samplesNeeded } from '../latency-summary.ts';
import { formatNumber, textTable } from '../report/format.ts';
import { median, quantile } from '../statistics.ts';
import type { Floor } from './floor.ts';
import type { BenchSample, MeasureId } from './measures.ts';

/** One figure of one round, as it stands in results/bench.csv. */
export interface BenchFigure {
  readonly figure: string;
  readonly unit: string;
  readonly value: number;
}

interface Goal {
  readonly text: string;
  readonly isMet: (value: number) => boolean;
}

const FIGURES: readonly { readonly name: string; readonly unit: string; readonly goal?: Goal }[] = [
  { name: 'floor: fdatasync, 4 KiB', unit: 'ms' },
  { name: 'floor: SQLite commit, synchronous=FULL', unit: 'ms' },
  { name: 'floor: MessagePort round trip', unit: 'ms' },
  { name: 'add, 64 B, many in flight', unit: '/s', goal: atLeast(20_000) },
  { name: 'addBulk of 1,000, 64 B', unit: '/s' },
  { name: 'add, one at a time, p50', unit: 'ms', goal: below(1.5) },
  { name: 'add, one at a time, p99', unit: 'ms' },
  { name: 'add, open loop at half of capacity, p50', unit: 'ms' },
  { name: 'add, open loop at half of capacity, p99', unit: 'ms' },
  { name: 'add, claim, complete', unit: '/s', goal: atLeast(8000) },
  { name: 'add, 64 KiB', unit: '/s' },
  { name: 'leader killed to next acknowledged add', unit: 'ms', goal: below(300) },
];

function atLeast(value: number): Goal {
  return { text: `≥ ${formatNumber(value)}`, isMet: (measured) => measured >= value };
}

function below(value: number): Goal {
  return { text: `< ${formatNumber(value)}`, isMet: (measured) => measured < value };
}

export const floorFigures = (floor: Floor): BenchFigure[] => [
  { figure: 'floor: fdatasync, 4 KiB', unit: 'ms', value: floor.fdatasyncMs },
  { figure: 'floor: SQLite commit, synchronous=FULL', unit: 'ms', value: floor.sqliteCommitMs },
  { figure: 'floor: MessagePort round trip', unit: 'ms', value: floor.portRoundTripMs },
];

const RATES: Readonly<Partial<Record<MeasureId, string>>> = {
  add: 'add, 64 B, many in flight',
  'add-bulk': 'addBulk of 1,000, 64 B',
  cycle: 'add, claim, complete',
  'add-64k': 'add, 64 KiB',
};
const LATENCIES: Readonly<Partial<Record<MeasureId, string>>> = {
  'add-alone': 'add, one at a time',
  'open-loop': 'add, open loop at half of capacity',
};

/** The figures of one measurement. A p99 is not claimed from fewer messages than it needs. */
export function sampleFigures({ measure, values }: BenchSample): BenchFigure[] {
  const rate = RATES[measure];
  if (rate !== undefined) return values.map((value) => ({ figure: rate, unit: '/s', value }));
  const latency = LATENCIES[measure];
  if (latency === undefined) return values.map((value) => ({ figure: 'leader killed to next acknowledged add', unit: 'ms', value }));
  const sorted = [...values].sort((a, b) => a - b);
  const percentiles = [50, 99].filter((percentile) => sorted.length >= samplesNeeded(percentile));
  return percentiles.map((percentile) => ({ figure: `${latency}, p${percentile}`, unit: 'ms', value: quantile(sorted, percentile / 100) }));
}

/** Medians, ranges, goals, and how many SQLite commits each figure is worth: the machine's speed taken out. */
export function benchTable(figures: readonly BenchFigure[]): string {
  const commitMs = valuesOf(figures, 'floor: SQLite commit, synchronous=FULL');
  const floorMs = commitMs.length === 0 ? undefined : median(commitMs);
  const rows = FIGURES.flatMap(({ name, unit, goal }) => {
    const values = valuesOf(figures, name);
    if (values.length === 0) return [];
    const middle = median(values);
    return [
      [
        `${name} (${unit})`,
        formatNumber(middle),
        `${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))}`,
        String(values.length),
        goal === undefined ? '–' : `${goal.text} ${goal.isMet(middle) ? 'met' : 'MISSED'}`,
        floorMs === undefined
          ? '–'
          : unit === 'ms'
            ? `${formatNumber(middle / floorMs)} commits`
            : `${formatNumber((middle * floorMs) / 1000)} a commit`,
      ],
    ];
  });
  return textTable(['Figure', 'Median', 'Range', 'n', 'Goal', 'Against one SQLite commit'], rows);
}

const valuesOf = (figures: readonly BenchFigure[], name: string): number[] =>
  figures.filter(({ figure }) => figure === name).map(({ value }) => value);
