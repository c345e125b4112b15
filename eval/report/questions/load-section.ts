import { formatCount, formatNumber, formatOptional } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import { LATE_SHARE_MAX, type LoadRow } from '../../questions/load/load.ts';
import {
  type Capacity,
  capacitiesOf,
  drainsBacklog,
  isRate,
  SUSTAINED_SHARE,
  sustainedOf,
  sustainedRounds,
} from '../../questions/load/load-figures.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

/** Columns of {@link LoadRow} that may be empty. */
type Figure = { [Name in keyof LoadRow]: null extends LoadRow[Name] ? Name : never }[keyof LoadRow];

export function loadSection({ rows }: Answer<LoadRow>): Section {
  const capacity = capacitiesOf(rows);
  const groups = Map.groupBy(rows, ({ rate_share }) => rate_share);
  return {
    title: 'How much load, at what latency?',
    ...loadAnswer(rows, capacity),
    note: `Messages of 64 B, each added, acknowledged, claimed and completed; the sender and the consumer have a thread and a client each. Medians of the rounds; counts are sums.${capacityNote(capacity)}`,
    terms: [
      'Rates: open loop, Poisson arrivals, 20 s after a warm-up of 3 s, each message timed from when it was due, to its acknowledgement and to its completion. A percentile is empty where it falls on a message without a reply.',
      `Sustained: rounds that complete at least ${SUSTAINED_SHARE * 100} % of the offered rate in the 20 s. A backlog of the warm-up that is completed in this time counts, so that more can be completed than is offered.`,
      'Late: rounds in which more than 1 % of the messages were sent more than 20 ms late; the sender shares the processors with the nodes. Where all rounds were late, no figure is without them.',
      'Not completed: acknowledged, and not yet completed five seconds after the end of the load.',
    ],
    table: {
      header: headerOf(capacity),
      rows: [...groups].map(([share, of]) => [
        share === null || capacity === undefined ? 'capacity' : `${Math.round((100 * share * capacity.first) / capacity.median)} %`,
        ...cells(of),
      ]),
    },
    charts: ['load'],
  };
}

/** Names the capacity, and its rounds where they differ. */
function capacityNote(capacity: Capacity | undefined): string {
  if (capacity === undefined) return '';
  const rounds = capacity.rounds.map(formatNumber).join('; ');
  const differ = capacity.rounds.length < 2 ? '' : ` (its rounds, in fresh clusters: ${rounds}; the rates were chosen by the first)`;
  return ` Capacity: in steady state, 2,000 messages sent and not completed: ${formatNumber(capacity.median)}/s${differ}. Above 100 % of it a rate is overload.`;
}

function headerOf(capacity: Capacity | undefined): readonly string[] {
  return [
    ...[`Load, of ${formatOptional(capacity?.median)}/s`, 'Offered (/s)', 'Completed (/s)', 'Sustained', 'Acknowledged'],
    ...['p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'p99.9 (ms)', 'Completed, p50 (ms)', 'Completed, p99 (ms)'],
    ...['Late', 'Elections', 'Not completed', 'Duplicated', 'Changed'],
  ];
}

function loadAnswer(rows: readonly AnswerRow<LoadRow>[], capacity: Capacity | undefined): Pick<Section, 'answer' | 'brief'> {
  const { highest, beyond } = sustainedOf(rows);
  const at = (rounds: typeof highest, figure: Figure): string => formatOptional(rounds && medianOf(rounds, figure));
  const others = beyond.map((rounds) => `at ${at(rounds, 'offered_per_s')}/s in ${sustainedRounds(rounds)}`);
  const [lowest] = beyond;
  const waits = lowest && medianOf(lowest, 'completed_p50_ms');
  const late =
    waits === undefined
      ? ''
      : ` Where it is not sustained a backlog grows: at ${at(lowest, 'offered_per_s')}/s half are completed within ${formatNumber(waits)} ms (median of the rounds), while half are acknowledged within ${at(lowest, 'acknowledged_p50_ms')} ms.`;
  if (highest === undefined) {
    const none = `No offered rate was sustained in all rounds${others.length === 0 ? '' : `: ${others.join(', ')}`}.`;
    return { brief: 'No offered rate was sustained in all rounds.', answer: `${none}${late}` };
  }
  const rate = at(highest, 'offered_per_s');
  const share =
    capacity === undefined ? '' : ` (${Math.round((100 * (highest[0]?.offered_per_s ?? 0)) / capacity.median)} % of the median capacity)`;
  const drained = drainsBacklog(highest) ? ', while a backlog of the warm-up was still being completed' : '';
  const figures = `acknowledged within ${at(highest, 'acknowledged_p50_ms')} ms (p50) and ${at(highest, 'acknowledged_p99_ms')} ms (p99), completed within ${at(highest, 'completed_p50_ms')} ms (p50) and ${at(highest, 'completed_p99_ms')} ms (p99)`;
  return {
    brief: `${rate} messages/s were sustained in ${sustainedRounds(highest)} rounds, completed within ${at(highest, 'completed_p99_ms')} ms (p99)${drained}.`,
    answer: `Sustained in ${sustainedRounds(highest)} rounds: ${rate} messages/s${share}, ${figures}${drained}.${others.length === 0 ? '' : ` Above it: ${others.join(', ')}.`}${late}`,
  };
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
    rates.length === 0 ? '–' : sustainedRounds(rates),
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
