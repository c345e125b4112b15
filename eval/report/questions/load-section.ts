import { formatCount, formatNumber, formatOptional } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import { LATE_SHARE_MAX, type LoadRow } from '../../questions/load/load.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

/** Columns of {@link LoadRow} that may be empty. */
type Figure = { [Name in keyof LoadRow]: null extends LoadRow[Name] ? Name : never }[keyof LoadRow];

export function loadSection({ rows }: Answer<LoadRow>): Section {
  const groups = Map.groupBy(rows, ({ rate_share }) => rate_share);
  return {
    title: 'How much load, at what latency?',
    note: 'Messages of 64 B, each added, acknowledged, claimed and completed; the sender and the consumer have a thread and a client each. Capacity: in steady state, 2,000 messages sent and not completed; the rates are parts of the first one. Rates: open loop, Poisson arrivals, 20 s after a warm-up of 3 s, each message timed from when it was due, to its acknowledgement and to its completion. Medians of the rounds; a percentile is empty where it falls on a message without a reply. Late: rounds in which more than 1 % of the messages were sent more than 20 ms late.',
    table: {
      header: HEADER,
      rows: [...groups].map(([share, of]) => [share === null ? 'capacity' : `${Math.round(share * 100)} %`, ...cells(of)]),
    },
    charts: ['load'],
  };
}

const HEADER = [
  ...['Load', 'Offered (/s)', 'Completed (/s)', 'Acknowledged'],
  ...['p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'p99.9 (ms)', 'Completed, p50 (ms)', 'Completed, p99 (ms)'],
  ...['Late', 'Elections', 'Not completed', 'Duplicated', 'Changed'],
];

function cells(rows: readonly LoadRow[]): readonly string[] {
  const of = (figure: Figure): string => formatOptional(medianOf(rows, figure));
  const sum = (column: 'due' | 'acknowledged' | 'elections' | 'not_completed' | 'duplicated' | 'changed'): number =>
    rows.reduce((total, row) => total + row[column], 0);
  const [due, acknowledged] = [sum('due'), sum('acknowledged')];
  return [
    of('offered_per_s'),
    formatNumber(median(rows.map(({ achieved_per_s }) => achieved_per_s))) + steadiness(rows),
    acknowledged === due ? formatCount(due) : `${formatCount(acknowledged)} of ${formatCount(due)}`,
    of('acknowledged_p50_ms'),
    of('acknowledged_p90_ms'),
    of('acknowledged_p99_ms'),
    of('acknowledged_p999_ms'),
    of('completed_p50_ms'),
    of('completed_p99_ms'),
    lateOf(rows),
    ...(['elections', 'not_completed', 'duplicated', 'changed'] as const).map((column) => formatCount(sum(column))),
  ];
}

/** `undefined` where a round has none, since the others alone would be too low. */
function medianOf(rows: readonly LoadRow[], figure: Figure): number | undefined {
  const values = rows.map((row) => row[figure]).filter((value) => value !== null);
  return values.length === 0 || values.length < rows.length ? undefined : median(values);
}

function steadiness(rows: readonly LoadRow[]): string {
  const unsteady = rows.filter(({ is_steady }) => is_steady === 0).length;
  return unsteady === 0 ? '' : ` (${unsteady} of ${rows.length} not steady)`;
}

/** `0`, or `1 of 3; without them p50 0.9, p99 2.1 ms`; a dash where there is no schedule. */
function lateOf(rows: readonly LoadRow[]): string {
  if (rows.every(({ late_share }) => late_share === null)) return '–';
  const onTime = rows.filter(({ late_share }) => (late_share ?? 0) <= LATE_SHARE_MAX);
  if (onTime.length === rows.length) return '0';
  const [p50, p99] = [medianOf(onTime, 'acknowledged_p50_ms'), medianOf(onTime, 'acknowledged_p99_ms')];
  const figures = onTime.length === 0 ? '' : `; without them p50 ${formatOptional(p50)}, p99 ${formatOptional(p99)} ms`;
  return `${rows.length - onTime.length} of ${rows.length}${figures}`;
}
