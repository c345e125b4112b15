import { formatCount, formatNumber, formatOptional, formatPublished, formatTiny } from '../measuring/format.ts';
import { type CaseFigures, type Evaluation, type Figure, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { countDeliveries } from '../replay/delivery-faults.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { Settings } from '../replay/settings.ts';
import { claimTable } from './claims.ts';
import type { QuestionSections } from './question-sections.ts';
import type { Section, Table } from './table.ts';

/** What a report is made of. */
export interface ReportContent {
  readonly evaluation: Evaluation;
  readonly questions: QuestionSections;
  /** Of the published session, in the report of other runs. */
  readonly published: readonly Section[];
}

/** Every table of the reports, in their order; the terminal shows the same ones. */
export function sections({ evaluation, questions, published }: ReportContent): readonly Section[] {
  return [
    {
      title: 'Is it as good as the original system?',
      note: `Each claim is replayed with the pacing of the original. Its verdict needs every message delivered once, no less than the published rate, and, where two cases are compared, a rate within 5 % of the other's. ${fasterNote(evaluation)}`,
      table: claimTable(evaluation),
      charts: [],
    },
    ...published,
    ...questions('original'),
    {
      title: 'Safety',
      note: 'Over all runs, also over those whose figures do not count. Elections are counted in runs without a fault: there should be none.',
      table: safetyTable(evaluation),
      charts: [],
    },
    ...questions('survival'),
    {
      title: 'Scenarios low and high',
      note: replayNote(evaluation),
      table: replayTable(evaluation.lowAndHigh, evaluation.settings),
      charts: ['throughput-by-count', 'overhead-by-count'],
    },
    {
      title: 'Scenario payload',
      note: 'Pacing and columns are the same as in the table above.',
      table: replayTable(evaluation.payload, evaluation.settings),
      charts: ['throughput-by-payload', 'overhead-by-payload'],
    },
    {
      title: 'Larger against smaller payloads',
      note: 'The rate with the larger payload divided by that with the smaller one, repetition by repetition: 1 is no difference. An effect is shown where the interval does not contain 1.',
      table: ratioTable(evaluation),
      charts: [],
    },
    {
      title: 'Latency by payload',
      note: 'Open loop: messages leave at a fixed rate, and each is timed from the moment at which it was due, so that a slow reply is not hidden by a late request. A percentile is left empty where there are too few messages for it.',
      table: latencyTable(evaluation),
      charts: ['latency-distribution', 'latency-by-size'],
    },
    ...['load', 'elections', 'failover', 'nodes', 'size'].flatMap(questions),
    {
      title: 'Capacity by payload, warm',
      note: 'Messages circulate: a bounded number is always in progress, each added, acknowledged, claimed and completed before the next one takes its place. One-second windows until three agree within 5 %, twenty seconds at most, then ten seconds are measured. The first second is cold: its code is still being compiled.',
      table: steadyTable(evaluation.steady),
      charts: [],
    },
    {
      title: 'Capacity by payload, cold',
      note: 'Closed loop, a fixed number of messages on a new cluster, whose code is still being compiled: a bounded number of messages is always in flight, while consumers complete the added ones.',
      table: sweepTable(evaluation.sweep),
      charts: ['throughput-by-size'],
    },
    ...['recovery', 'reasons'].flatMap(questions),
  ];
}

/** What pacing and columns mean. */
function replayNote({ settings }: Evaluation): string {
  return (
    `Paced: a message is sent, its reply awaited, and ${settings.pacing.delayMs} ms slept; after the last one ${settings.pacing.settleMs} ms of rest. ` +
    `With replies in no time that is N / (${settings.pacing.delayMs / 1000} N + ${settings.pacing.settleMs / 1000}) msg/s. Fast: the same messages as fast as possible, which is cold: the first second of a new process. ` +
    'A message counts when it was added, acknowledged, claimed and completed. ' +
    'Overhead: (wall − pacing − settling) / N, per message. p50: from sending to acknowledgement. ' +
    `"Original": ${settings.published.system}, ${settings.published.source}; published elsewhere, measured on another machine, never here. ` +
    "jobraft replies after a majority's write."
  );
}

function replayTable(cases: readonly ReplayCase[], settings: Settings): Table {
  const measured = cases.filter(({ paced, fast }) => paced !== undefined || fast !== undefined);
  const rows = measured.map(({ messages, payloadBytes, published, paced, fast }) => [
    `${formatCount(messages)} × ${formatBytes(payloadBytes)}`,
    published === undefined
      ? '–'
      : `${formatPublished(published.perSecond)}${published.finished ? '' : ` (${settings.published.unfinished})`}`,
    withRuns(paced?.throughput),
    withRuns(fast?.throughput),
    published === undefined ? '–' : formatOptional(publishedOverheadMs(published, settings.pacing)),
    paced?.overhead === undefined ? '–' : formatTiny(paced.overhead.median),
    formatOptional(paced?.serviceP50?.median),
    formatOptional(fast?.overhead?.median),
    ...outcomesOf([paced, fast]),
  ]);
  return {
    header: [
      'Messages',
      'Original (msg/s)',
      'Paced (msg/s)',
      'Fast (msg/s)',
      'Original overhead (ms)',
      'Paced overhead (ms)',
      'Paced p50 (ms)',
      'Fast overhead (ms)',
      ...OUTCOME_HEADER,
    ],
    rows,
  };
}

function latencyTable({ latency }: Evaluation): Table {
  const rows = latency.map((of) => [
    formatBytes(of.payloadBytes),
    formatOptional(of.rows[0]?.offered_per_s),
    formatCount(countDeliveries(of.rows).acknowledged),
    formatOptional(of.latencyP50?.median),
    formatOptional(of.latencyP90?.median),
    formatOptional(of.latencyP99?.median),
    formatNumber(Math.max(...of.valid.map((row) => row.latency_max_ms ?? 0))),
    lateOf(of),
    ...outcomesOf([of]),
  ]);
  return {
    header: ['Payload', 'Offered (msg/s)', 'Messages', 'p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'Max (ms)', 'Late runs', ...OUTCOME_HEADER],
    rows,
  };
}

function steadyTable(steady: readonly CaseFigures[]): Table {
  const rows = steady.map((of) => [
    formatBytes(of.payloadBytes),
    withRuns(of.throughput),
    formatOptional(of.throughput === undefined ? undefined : (of.throughput.median * of.payloadBytes) / 1_048_576),
    withRuns(of.firstSecond),
    `${of.valid.filter((row) => row.is_steady === 1).length} of ${of.valid.length}`,
    ...outcomesOf([of]),
  ]);
  return {
    header: ['Payload', 'Delivered (msg/s)', 'Delivered (MiB/s)', 'First second (msg/s)', 'Steady runs', ...OUTCOME_HEADER],
    rows,
  };
}

function sweepTable(sweep: readonly CaseFigures[]): Table {
  const rows = sweep.map((of) => [
    formatBytes(of.payloadBytes),
    formatCount(of.messages),
    withRuns(of.throughput),
    formatOptional(of.throughput === undefined ? undefined : (of.throughput.median * of.payloadBytes) / 1_048_576),
    formatOptional(of.adds?.median),
    ...outcomesOf([of]),
  ]);
  return {
    header: ['Payload', 'Messages a run', 'Delivered (msg/s)', 'Delivered (MiB/s)', 'Adds acknowledged (/s)', ...OUTCOME_HEADER],
    rows,
  };
}

/** `8,120 (n=3, range 7,900–8,300)`, or `(n=10, 95 % 8,000–8,200)` */
export function withRuns(figure: Figure | undefined, confidence = 0.95): string {
  if (figure === undefined) return '–';
  const { spread } = figure;
  const kind = spread?.kind === 'interval' ? `${Math.round(confidence * 100)} %` : 'range';
  const range = spread === undefined ? '' : `, ${kind} ${formatNumber(spread.low)}–${formatNumber(spread.high)}`;
  return `${formatNumber(figure.median)} (n=${figure.runs}${range})`;
}

/** What every table shows of its runs, whatever it measures. */
const OUTCOME_HEADER: readonly string[] = ['Valid runs', 'Elections', 'Lost', 'Duplicated'];

function outcomesOf(cases: readonly (CaseFigures | undefined)[]): readonly string[] {
  const measured = cases.filter((of) => of !== undefined);
  const rows = measured.flatMap((of) => of.rows);
  if (rows.length === 0) return OUTCOME_HEADER.map(() => '–');
  const { elections, lost, duplicated } = countDeliveries(rows);
  const valid = rows.filter((row) => row.valid).length;
  return [`${valid} of ${rows.length}`, formatCount(elections), formatCount(lost), formatCount(duplicated)];
}

/** `0`, or `1 of 3; on time p50 0.9, p99 2.1 ms` */
function lateOf({ onTime, valid }: CaseFigures): string {
  if (onTime === undefined) return '0';
  const { latencyP50, latencyP99, runs } = onTime;
  const figures =
    runs === 0 ? '' : `; without them p50 ${formatOptional(latencyP50?.median)}, p99 ${formatOptional(latencyP99?.median)} ms`;
  return `${valid.length - runs} of ${valid.length}${figures}`;
}

function ratioTable({ ratios, settings }: Evaluation): Table {
  const rows = ratios.map(({ messages, smallerBytes, largerBytes, kind, ratio }) => [
    `${formatCount(messages)} × ${formatBytes(largerBytes)} / ${formatBytes(smallerBytes)}`,
    kind,
    withRuns(ratio, settings.statistics.confidence),
    effectOf(ratio),
  ]);
  return { header: ['Compared', 'Pacing', 'Ratio of rates', 'Effect'], rows };
}

function effectOf({ spread, runs }: Figure): string {
  if (spread === undefined) return 'one pair: not known';
  if (spread.low <= 1 && spread.high >= 1) return 'no measurable effect';
  const direction = spread.high < 1 ? 'slower' : 'faster';
  return spread.kind === 'interval' ? direction : `${direction} in all ${runs} pairs`;
}

function safetyTable({ allRows }: Evaluation): Table {
  const { acknowledged, lost, duplicated, changed, undrained, elections } = countDeliveries(allRows);
  const counts = [acknowledged, lost, duplicated, changed, undrained, elections].map(formatCount);
  const valid = allRows.filter((row) => row.valid).length;
  return {
    header: ['Runs', 'Valid', 'Acknowledged', 'Lost', 'Duplicated', 'Changed', 'Queues not drained', 'Elections without a fault'],
    rows: [[formatCount(allRows.length), formatCount(valid), ...counts]],
  };
}

/** How the replay runs without its pauses. */
function fasterNote({ lowAndHigh, payload }: Evaluation): string {
  const rates = [...lowAndHigh, ...payload].flatMap(({ fast }) => (fast?.throughput === undefined ? [] : [fast.throughput.median]));
  if (rates.length === 0) return '';
  return `Without the pauses the same messages run at ${formatNumber(Math.min(...rates))} to ${formatNumber(Math.max(...rates))} a second.`;
}
