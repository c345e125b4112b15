import { formatCount, formatFew, formatMedian, formatNumber, formatOptional, formatSpread } from '../measuring/format.ts';
import type { CaseFigures, Evaluation, LatencyDistribution } from '../replay/analysis.ts';
import { countDeliveries } from '../replay/delivery-faults.ts';
import { formatBytes } from '../replay/run-plan.ts';
import { type IdleLatency, idleNote } from './idle-latency.ts';
import { OUTCOME_HEADER, outcomesOf } from './outcomes.ts';
import type { Section, Table } from './table.ts';

/** Latency of an add at a low rate, by payload. @param idle of an add alone, in other programs. */
export function latencySection(evaluation: Evaluation, idle: readonly IdleLatency[]): Section {
  const [smallest, largest] = [evaluation.distributions[0], evaluation.distributions.at(-1)];
  const describe = (of: LatencyDistribution): string =>
    `one of ${formatBytes(of.payloadBytes)} within ${p50Of(of, evaluation)} ms (${formatNumber(of.offeredPerSecond)}/s offered)`;
  const odd = smallest === undefined ? [] : idleNote(smallest, idle);
  return {
    title: 'How long does an add take, by payload?',
    ...(smallest === undefined || largest === undefined || smallest === largest
      ? {}
      : {
          brief: `p50: ${[smallest, largest].map((of) => `${p50Of(of, evaluation)} ms for ${formatBytes(of.payloadBytes)} at ${formatNumber(of.offeredPerSecond)}/s`).join(', ')}.${oddText(odd, idle)}`,
          answer: `At a low rate half of the adds are acknowledged: ${describe(smallest)}, ${describe(largest)}.${oddText(odd, idle)}`,
        }),
    note: 'Open loop: messages leave at a fixed rate, and each is timed from when it was due to its acknowledgement, so that a slow reply is not hidden by a late request. Percentiles over all messages of a row, of p50 in parentheses the range over its runs; one is left empty where fewer than ten messages are beyond it. n: runs.',
    terms: odd,
    table: latencyTable(evaluation),
    charts: ['latency-distribution'],
  };
}

/** Over all messages, with the range over the runs. */
function p50Of({ payloadBytes, p50, runs }: LatencyDistribution, { latency }: Evaluation): string {
  const of = latency.find((each) => each.payloadBytes === payloadBytes);
  const range = of === undefined ? '' : formatSpread(runsOf(of)).replace(/^[^ ]*/, '');
  return `${formatFew(p50, runs)}${range}`;
}

const runsOf = ({ valid }: CaseFigures): readonly number[] =>
  valid.flatMap(({ latency_p50_ms }) => (latency_p50_ms === null ? [] : [latency_p50_ms]));

/** That the smallest payload takes longer here than elsewhere belongs beside the figure. */
const oddText = (odd: readonly string[], idle: readonly IdleLatency[]): string =>
  odd.length === 0
    ? ''
    : ` Other programs have ${idle.map(({ how, p50Ms }) => `${formatMedian([p50Ms])} ms ${how}`).join(', ')} for 64 B: that it is more here is not explained.`;

function latencyTable(evaluation: Evaluation): Table {
  const { latency, distributions } = evaluation;
  const rows = latency.map((of) => {
    const all = distributions.find(({ payloadBytes }) => payloadBytes === of.payloadBytes);
    const few = (value: number | null | undefined): string => (value == null || all === undefined ? '–' : formatFew(value, all.runs));
    return [
      formatBytes(of.payloadBytes),
      formatOptional(of.rows[0]?.offered_per_s),
      formatCount(countDeliveries(of.rows).acknowledged),
      String(all?.runs ?? 0),
      all === undefined ? '–' : p50Of(all, evaluation),
      ...[all?.p90, all?.p99, all?.max].map(few),
      all === undefined ? '–' : lateOf(all),
      ...outcomesOf([of]),
    ];
  });
  return {
    header: ['Payload', 'Offered (msg/s)', 'Messages', 'n', 'p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'Max (ms)', 'Late runs', ...OUTCOME_HEADER],
    rows,
  };
}

/** `0`, or `1 of 3; without them p50 0.9, p99 2.1 ms` */
function lateOf({ lateRuns, runs, onTime }: LatencyDistribution): string {
  if (lateRuns === 0) return '0';
  const without =
    onTime === undefined ? 'no run without' : `without them p50 ${formatNumber(onTime.p50)}, p99 ${formatOptional(onTime.p99)} ms`;
  return `${lateRuns} of ${runs}; ${without}`;
}
