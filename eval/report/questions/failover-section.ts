import { formatCount, formatNumber } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import { DEFAULT_RANGE, nameOf } from '../../questions/elections/timeout-ranges.ts';
import { FAULTS, type FailoverRow, LATE_MS } from '../../questions/failover/failover-row.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

type Count = 'acknowledged' | 'rejected' | 'unknown' | 'lost' | 'duplicated' | 'elections';

export function failoverSection({ rows }: Answer<FailoverRow>): Section {
  const summaries = rows.filter(({ kind }) => kind === 'summary');
  return {
    title: 'What does a client see of a failover?',
    answer: failoverAnswer(summaries),
    note: `The leader of a cluster fails under 2,000 adds/s of 64 B, which are sent on a schedule from a thread of their own; 1.5 s later it is repaired. Killed: its thread ends, and its channels close, which the others notice at once. Paused: its thread stops, and its channels stay open. Isolated: it runs, and no message passes. The others of these two wait for the election timeout, here the default of ${nameOf(DEFAULT_RANGE)} ms. Gap: the longest time between two acknowledgements until another node leads; later gap: the longest one afterwards. Times in milliseconds, as medians and ranges of the rounds; messages that waited longer than ${LATE_MS} ms likewise, of 14,000. Elections and outcomes are sums over the rounds. Lost: acknowledged, and not delivered when the queue was drained.`,
    table: {
      header: [
        'Leader',
        'Gap',
        'Next leader',
        'p99',
        'Later gap',
        `Over ${LATE_MS} ms`,
        'Elections',
        'Acknowledged',
        'Rejected',
        'Unknown',
        'Lost',
        'Twice',
      ],
      rows: FAULTS.flatMap((fault) => {
        const of = summaries.filter((row) => row.fault === fault);
        return of.length === 0 ? [] : [[fault, ...cellsOf(of)]];
      }),
    },
    charts: ['failover'],
  };
}

function failoverAnswer(summaries: readonly FailoverRow[]): string {
  const gaps = FAULTS.flatMap((fault) => {
    const of = summaries.flatMap((row) => (row.fault === fault && row.gap_ms !== null ? [row.gap_ms] : []));
    return of.length === 0 ? [] : [`${formatNumber(median(of))} ms when it is ${fault}`];
  });
  const sum = (column: Count): string => formatCount(summaries.reduce((total, row) => total + (row[column] ?? 0), 0));
  return `A client of a failing leader waits: no add is acknowledged for ${gaps.join(', ')} (medians). Of ${sum('acknowledged')} acknowledged adds ${sum('lost')} were lost; ${sum('rejected')} were rejected, ${sum('unknown')} had an unknown outcome.`;
}

function cellsOf(rows: readonly FailoverRow[]): readonly string[] {
  const spread = (column: 'gap_ms' | 'leader_ms' | 'latency_p99_ms' | 'later_gap_ms' | 'late'): string =>
    spreadText(rows.map((row) => row[column]));
  const sum = (column: Count): string => formatCount(rows.reduce((total, row) => total + (row[column] ?? 0), 0));
  return [
    spread('gap_ms'),
    spread('leader_ms'),
    spread('latency_p99_ms'),
    spread('later_gap_ms'),
    spread('late'),
    ...(['elections', 'acknowledged', 'rejected', 'unknown', 'lost', 'duplicated'] as const).map(sum),
  ];
}

/** `77.1 (75.2–80.3)` */
function spreadText(cells: readonly (number | null)[]): string {
  const values = cells.filter((cell) => cell !== null);
  if (values.length === 0) return '–';
  const middle = formatNumber(median(values));
  return values.length === 1 ? middle : `${middle} (${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))})`;
}
