import { formatCount, formatNumber, formatOptional } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import { LATE_SHARE_MAX, type LoadRow } from '../../questions/load/load.ts';
import { type Capacity, capacitiesOf, isRate, isSustained, SUSTAINED_SHARE, sustainedOf } from '../../questions/load/load-figures.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

/** Columns of {@link LoadRow} that may be empty. */
type Figure = { [Name in keyof LoadRow]: null extends LoadRow[Name] ? Name : never }[keyof LoadRow];

export function loadSection({ rows }: Answer<LoadRow>): Section {
  const capacity = capacitiesOf(rows);
  const groups = Map.groupBy(rows, ({ rate_share }) => rate_share);
  return {
    title: 'How much load, at what latency?',
    answer: loadAnswer(rows),
    note: `Messages of 64 B, each added, acknowledged, claimed and completed; the sender and the consumer have a thread and a client each. ${capacityNote(capacity)} Rates: open loop, Poisson arrivals, 20 s after a warm-up of 3 s, each message timed from when it was due, to its acknowledgement and to its completion. Sustained: rounds that complete at least ${SUSTAINED_SHARE * 100} % of the offered rate. Medians of the rounds; a percentile is empty where it falls on a message without a reply. Late: rounds in which more than 1 % of the messages were sent more than 20 ms late; the sender shares the processors with the nodes. Where all rounds were late, no figure is without them.`,
    table: {
      header: headerOf(capacity),
      rows: [...groups].map(([share, of]) => [
        share === null ? 'capacity' : `${Math.round(share * 100)} %`,
        share === null || capacity === undefined ? '–' : `${Math.round((100 * share * capacity.first) / capacity.median)} %`,
        ...cells(of),
      ]),
    },
    charts: ['load'],
  };
}

/** Names both capacities, and why they differ. */
function capacityNote(capacity: Capacity | undefined): string {
  if (capacity === undefined) return '';
  const rounds = capacity.rounds.map(formatNumber).join('; ');
  const differ =
    capacity.rounds.length < 2
      ? ''
      : ` Its rounds, the same program in fresh clusters, gave ${rounds} messages/s; the median is ${formatNumber(capacity.median)}/s. All rounds are offered the same rates: shares of the first, ${formatNumber(capacity.first)}/s. Above 100 % of the median a rate is overload.`;
  return `Capacity: in steady state, 2,000 messages sent and not completed.${differ}`;
}

function headerOf(capacity: Capacity | undefined): readonly string[] {
  const [first, middle] = [capacity?.first, capacity?.median].map(formatOptional);
  return [
    ...[`Load, of ${first}/s (round 1)`, `Of ${middle}/s (median capacity)`, 'Offered (/s)', 'Completed (/s)', 'Sustained', 'Acknowledged'],
    ...['p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'p99.9 (ms)', 'Completed, p50 (ms)', 'Completed, p99 (ms)'],
    ...['Late', 'Elections', 'Not completed', 'Duplicated', 'Changed'],
  ];
}

function loadAnswer(rows: readonly AnswerRow<LoadRow>[]): string {
  const { highest, beyond } = sustainedOf(rows);
  const at = (rounds: typeof highest, figure: Figure): string => formatOptional(rounds && medianOf(rounds, figure));
  const held =
    highest === undefined
      ? 'No offered rate was sustained in all rounds.'
      : `Up to ${at(highest, 'offered_per_s')} messages/s are completed as they are offered; there 99 % are acknowledged within ${at(highest, 'acknowledged_p99_ms')} ms, and half completed within ${at(highest, 'completed_p50_ms')} ms.`;
  if (beyond === undefined) return held;
  const completed = formatNumber(median(beyond.map(({ achieved_per_s }) => achieved_per_s)));
  const waits = medianOf(beyond, 'completed_p50_ms');
  const late = waits === undefined ? '' : `, and half of them wait more than ${formatNumber(waits)} ms for it`;
  return `${held} Offered ${at(beyond, 'offered_per_s')}/s, ${completed}/s are completed${late}: acknowledgements stay fast, the backlog grows.`;
}

function cells(rows: readonly AnswerRow<LoadRow>[]): readonly string[] {
  const of = (figure: Figure): string => formatOptional(medianOf(rows, figure));
  const sum = (column: 'due' | 'acknowledged' | 'elections' | 'not_completed' | 'duplicated' | 'changed'): number =>
    rows.reduce((total, row) => total + row[column], 0);
  const [due, acknowledged] = [sum('due'), sum('acknowledged')];
  const rates = rows.filter(isRate);
  return [
    of('offered_per_s'),
    formatNumber(median(rows.map(({ achieved_per_s }) => achieved_per_s))) + steadiness(rows),
    rates.length === 0 ? '–' : `${rates.filter(isSustained).length} of ${rates.length}`,
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

/** `0`; `1 of 3; without them p50 0.9, p99 2.1 ms`; `3 of 3: no round without`; a dash where there is no schedule. */
function lateOf(rows: readonly LoadRow[]): string {
  if (rows.every(({ late_share }) => late_share === null)) return '–';
  const onTime = rows.filter(({ late_share }) => (late_share ?? 0) <= LATE_SHARE_MAX);
  if (onTime.length === rows.length) return '0';
  const late = `${rows.length - onTime.length} of ${rows.length}`;
  if (onTime.length === 0) return `${late}: no round without`;
  const [p50, p99] = [medianOf(onTime, 'acknowledged_p50_ms'), medianOf(onTime, 'acknowledged_p99_ms')];
  return `${late}; without them p50 ${formatOptional(p50)}, p99 ${formatOptional(p99)} ms`;
}
