import { formatCount, formatMedian, formatNumber, formatSpread } from '../../measuring/format.ts';
import { steadyMark } from '../../measuring/steadiness.ts';
import { LATE_SHARE_MAX, type LoadRow, MEASURED_MS } from '../../questions/load/load.ts';
import {
  type Capacity,
  capacitiesOf,
  hasBacklog,
  isRate,
  SUSTAINED_SHARE,
  sustainedOf,
  sustainedRounds,
} from '../../questions/load/load-figures.ts';
import type { Answer, AnswerRow } from '../../questions/question-file.ts';
import type { Section } from '../table.ts';

/** Columns of {@link LoadRow} that may be empty. */
type Figure = { [Name in keyof LoadRow]: null extends LoadRow[Name] ? Name : never }[keyof LoadRow];
type Rows = readonly AnswerRow<LoadRow>[];

export function loadSection({ rows }: Answer<LoadRow>): Section {
  const capacity = capacitiesOf(rows);
  const groups = Map.groupBy(rows, ({ rate_share }) => rate_share);
  const seconds = MEASURED_MS / 1000;
  return {
    title: 'How much load, at what latency?',
    ...loadAnswer(rows, capacity),
    note: `Messages of 64 B, each added, acknowledged, claimed and completed; the sender and the consumer have a thread and a client each. n: rounds; counts are sums.${capacityNote(capacity)}`,
    terms: [
      `Rates: open loop, Poisson arrivals, ${seconds} s after a warm-up of 3 s, each message timed from when it was due, to its acknowledgement and to its completion. A percentile is empty where it falls on a message without a reply.`,
      `Sustained: rounds that complete at least ${SUSTAINED_SHARE * 100} % of the offered rate in the ${seconds} s. Where a rate is not sustained a backlog grows, and its times with the length of the run.`,
      'Between warm-up and measured time all that was sent is completed, within five seconds, or the step is not sustained: "backlog", it has no steady latency.',
      'Late: rounds in which more than 1 % of the messages were sent more than 20 ms late; the sender shares the processors with the nodes. Where all rounds were late, no figure is without them.',
      'Not completed: acknowledged, and not yet completed five seconds after the end of the load.',
    ],
    table: {
      header: HEADER,
      rows: [...groups].map(([share, of]) => [
        share === null ? 'capacity' : formatNumber(of[0]?.offered_per_s ?? Number.NaN),
        share === null ? '–' : percentOf(of, capacity),
        ...cells(of),
      ]),
    },
    charts: ['load'],
  };
}

const HEADER: readonly string[] = [
  ...['Offered (msg/s)', 'Of the median capacity (%)', 'Completed (msg/s)', 'n', 'Sustained', 'Acknowledged'],
  ...['p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'p99.9 (ms)', 'Completed, p50 (ms)', 'Completed, p99 (ms)'],
  ...['Late', 'Elections', 'Not completed', 'Duplicated', 'Changed'],
];

/** Names the capacity, and its rounds where they differ. */
function capacityNote(capacity: Capacity | undefined): string {
  if (capacity === undefined) return '';
  const differ = capacity.rounds.length < 2 ? '' : ' in fresh clusters; the offered rates were chosen by the first';
  return ` Capacity: in steady state, 2,000 messages sent and not completed: ${formatSpread(capacity.rounds)} msg/s${differ}.`;
}

const percentOf = (of: Rows, capacity: Capacity | undefined): string =>
  capacity === undefined ? '–' : String(Math.round((100 * (of[0]?.offered_per_s ?? Number.NaN)) / capacity.median));

function loadAnswer(rows: Rows, capacity: Capacity | undefined): Pick<Section, 'answer' | 'brief'> {
  const { highest, beyond } = sustainedOf(rows);
  const others = beyond.map((rounds) => `at ${rateOf(rounds)} msg/s in ${sustainedRounds(rounds)}`);
  const late = waitsOf(beyond.find((rounds) => !hasBacklog(rounds)));
  if (highest === undefined) {
    const none = `No offered rate was sustained in all rounds${others.length === 0 ? '' : `: ${others.join(', ')}`}.`;
    return { brief: 'No offered rate was sustained in all rounds.', answer: `${none}${late}` };
  }
  const share =
    capacity === undefined ? '' : `, ${percentOf(highest, capacity)} % of the median capacity of ${formatSpread(capacity.rounds)} msg/s`;
  const sustained = `${rateOf(highest)} msg/s were sustained in ${sustainedRounds(highest)} rounds`;
  const above = others.length === 0 ? '' : ` Above it: ${others.join(', ')}.`;
  const completed = `completed within ${spread(highest, 'completed_p99_ms')} ms (p99)`;
  return { brief: `${sustained}, ${completed}.`, answer: `${sustained}${share}: ${timesOf(highest)}.${above}${late}` };
}

const rateOf = (rounds: Rows): string => formatNumber(rounds[0]?.offered_per_s ?? Number.NaN);

const timesOf = (rounds: Rows): string =>
  `acknowledged within ${spread(rounds, 'acknowledged_p50_ms')} ms (p50) and ${spread(rounds, 'acknowledged_p99_ms')} ms (p99), completed within ${spread(rounds, 'completed_p50_ms')} ms (p50) and ${spread(rounds, 'completed_p99_ms')} ms (p99)`;

/** What a growing backlog does. */
function waitsOf(rounds: Rows | undefined): string {
  if (rounds === undefined || valuesOf(rounds, 'completed_p50_ms').length === 0) return '';
  return ` Where it is not sustained a backlog grows: at ${rateOf(rounds)} msg/s half are completed within ${spread(rounds, 'completed_p50_ms')} ms in ${MEASURED_MS / 1000} s, while half are acknowledged within ${spread(rounds, 'acknowledged_p50_ms')} ms.`;
}

function cells(rows: Rows): readonly string[] {
  const rates = rows.filter(isRate);
  const isDraining = hasBacklog(rates);
  const of = (figure: Figure): string => (isDraining ? 'backlog' : spread(rows, figure));
  const sum = (column: 'due' | 'acknowledged' | 'elections' | 'not_completed' | 'duplicated' | 'changed'): number =>
    rows.reduce((total, row) => total + row[column], 0);
  const [due, acknowledged] = [sum('due'), sum('acknowledged')];
  const achieved = rows.map(({ achieved_per_s }) => achieved_per_s);
  return [
    rates.length > 0 ? formatSpread(achieved) : formatSpread(achieved, steadyMark(rows)) + steadiness(rows),
    String(rows.length),
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

/** Empty where a round has no value, since the others alone would be too low. */
function valuesOf(rows: readonly LoadRow[], figure: Figure): readonly number[] {
  const values = rows.map((row) => row[figure]).filter((value) => value !== null);
  return values.length < rows.length ? [] : values;
}

const spread = (rows: readonly LoadRow[], figure: Figure): string => formatSpread(valuesOf(rows, figure));

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
  const [p50 = '', p99 = ''] = (['acknowledged_p50_ms', 'acknowledged_p99_ms'] as const).map((figure) =>
    formatMedian(valuesOf(onTime, figure)),
  );
  return `${late}; without them p50 ${p50}, p99 ${p99} ms`;
}
