import { formatCount, formatNumber, formatOptional, formatPublished, formatTiny } from '../measuring/format.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { type CaseFigures, type Evaluation, type LatencyDistribution, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { countDeliveries } from '../replay/delivery-faults.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { Settings } from '../replay/settings.ts';
import { claimsSection } from './claims.ts';
import { type IdleLatency, idleLatencies, idleNote } from './idle-latency.ts';
import { type ElectionCount, electionCounts, type MessageSource, messageSources, messagesSection } from './message-sources.ts';
import { provenanceSection } from './provenance.ts';
import { orPublished, publishedSections } from './published-part.ts';
import { type QuestionSections, questionSections } from './question-sections.ts';
import { type Section, type Table, withRuns } from './table.ts';

/** What a report is made of. */
export interface ReportContent {
  readonly evaluation: Evaluation;
  readonly questions: QuestionSections;
  /** Of the published session, in the report of other runs. */
  readonly published: readonly Section[];
  /** Its replayed scenarios, in the report of other runs. */
  readonly publishedEvaluation: Evaluation | undefined;
  readonly sources: readonly MessageSource[];
  readonly elections: readonly ElectionCount[];
  /** Where each file's rows come from. */
  readonly provenance: Section;
  /** Of an add alone on an idle cluster, in other programs. */
  readonly idleLatencies: readonly IdleLatency[];
}

/** @param published the session that is shown where `results` has no rows, and its scenarios. @throws {UserError} when a CSV is not what it should be. */
export function contentOf(
  evaluation: Evaluation,
  results: ResultsFolder,
  published?: ResultsFolder,
  publishedEvaluation?: Evaluation,
): ReportContent {
  return {
    evaluation,
    questions: questionSections(results, published),
    published: published === undefined || publishedEvaluation === undefined ? [] : publishedSections(published, publishedEvaluation),
    publishedEvaluation,
    sources: messageSources(evaluation, results),
    elections: electionCounts(evaluation, results),
    provenance: provenanceSection(results),
    idleLatencies: idleLatencies(results),
  };
}

/** Every table of the reports, in their order; the terminal shows the same ones. */
export function sections({
  evaluation,
  questions,
  published,
  publishedEvaluation,
  sources,
  elections,
  provenance,
  idleLatencies: idle,
}: ReportContent): readonly Section[] {
  return [
    claimsSection(evaluation),
    ...published,
    ...questions('original'),
    messagesSection(evaluation, sources, elections),
    ...['survival', 'limit', 'load', 'failover', 'elections'].flatMap(questions),
    {
      title: 'Scenarios low and high',
      note: 'A message counts when it was added, acknowledged, claimed and completed.',
      terms: replayTerms(evaluation),
      table: replayTable(evaluation.lowAndHigh, evaluation.settings),
      charts: ['throughput-by-count', 'overhead-by-count'],
    },
    {
      title: 'Scenario payload',
      note: 'Pacing and columns are the same as in the table above.',
      table: replayTable(evaluation.payload, evaluation.settings),
      charts: ['throughput-by-payload', 'overhead-by-payload'],
    },
    orPublished(evaluation.latency.length > 0, (of) => latencySection(of, idle), evaluation, publishedEvaluation),
    ...questions('size'),
    {
      title: 'Capacity by payload, warm',
      note: 'Messages circulate: a bounded number is always in progress, each added, acknowledged, claimed and completed before the next one takes its place; producer and consumer share one thread, unlike in "How much load, at what latency?". One-second windows until three agree within 5 %, twenty seconds at most, then ten seconds are measured. The first second is cold: its code is still being compiled.',
      table: steadyTable(evaluation.steady),
      charts: [],
    },
    orPublished(evaluation.sweep.length > 0, ({ sweep }) => coldSection(sweep), evaluation, publishedEvaluation),
    ...['nodes', 'recovery', 'reasons', 'peers'].flatMap(questions),
    provenance,
  ];
}

const coldSection = (sweep: Evaluation['sweep']): Section => ({
  title: 'Capacity by payload, cold',
  note: 'Closed loop, a fixed number of messages on a new cluster, whose code is still being compiled: a bounded number of messages is always in flight, while consumers complete the added ones.',
  table: sweepTable(sweep),
  charts: ['throughput-by-size'],
});

function latencySection(evaluation: Evaluation, idle: readonly IdleLatency[]): Section {
  const [smallest, largest] = [evaluation.distributions[0], evaluation.distributions.at(-1)];
  const describe = ({ payloadBytes, p50, offeredPerSecond }: LatencyDistribution): string =>
    `one of ${formatBytes(payloadBytes)} within ${formatNumber(p50)} ms (${formatNumber(offeredPerSecond)}/s offered)`;
  return {
    title: 'How long does an add take, by payload?',
    ...(smallest === undefined || largest === undefined || smallest === largest
      ? {}
      : {
          brief: `p50 at a low rate: ${formatNumber(smallest.p50)} ms for ${formatBytes(smallest.payloadBytes)}, ${formatNumber(largest.p50)} ms for ${formatBytes(largest.payloadBytes)}.`,
          answer: `At a low rate half of the adds are acknowledged: ${describe(smallest)}, ${describe(largest)}.`,
        }),
    note: 'Open loop: messages leave at a fixed rate, and each is timed from when it was due to its acknowledgement, so that a slow reply is not hidden by a late request. Percentiles over all messages of a row; one is left empty where fewer than ten messages are beyond it.',
    terms: smallest === undefined ? [] : idleNote(smallest, idle),
    table: latencyTable(evaluation),
    charts: ['latency-distribution'],
  };
}

/** What pacing and columns mean. */
function replayTerms({ settings: { pacing, published } }: Evaluation): readonly string[] {
  return [
    `Paced: a message is sent, its reply awaited, and ${pacing.delayMs} ms slept; after the last one ${pacing.settleMs} ms of rest. With replies in no time that is N / (${pacing.delayMs / 1000} N + ${pacing.settleMs / 1000}) msg/s.`,
    'Fast: the same messages as fast as possible, which is cold: the first second of a new process.',
    'Overhead: (wall − pacing − settling) / N, per message. p50: from sending to acknowledgement.',
    `"Original": ${published.system}, ${published.source}; published elsewhere, measured on another machine, never here. jobraft replies after a majority's write.`,
  ];
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

function latencyTable({ latency, distributions }: Evaluation): Table {
  const rows = latency.map((of) => {
    const all = distributions.find(({ payloadBytes }) => payloadBytes === of.payloadBytes);
    return [
      formatBytes(of.payloadBytes),
      formatOptional(of.rows[0]?.offered_per_s),
      formatCount(countDeliveries(of.rows).acknowledged),
      ...[all?.p50, all?.p90, all?.p99, all?.max].map(formatOptional),
      all === undefined ? '–' : lateOf(all),
      ...outcomesOf([of]),
    ];
  });
  return {
    header: ['Payload', 'Offered (msg/s)', 'Messages', 'p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'Max (ms)', 'Late runs', ...OUTCOME_HEADER],
    rows,
  };
}

function steadyTable(steady: readonly CaseFigures[]): Table {
  const rows = steady.map((of) => [
    formatBytes(of.payloadBytes),
    withRuns(of.throughput),
    formatOptional(of.throughput === undefined ? undefined : (of.throughput.median * of.payloadBytes) / 1e6),
    withRuns(of.firstSecond),
    `${of.valid.filter((row) => row.is_steady === 1).length} of ${of.valid.length}`,
    ...outcomesOf([of]),
  ]);
  return {
    header: ['Payload', 'Delivered (msg/s)', 'Delivered (MB/s)', 'First second (msg/s)', 'Steady runs', ...OUTCOME_HEADER],
    rows,
  };
}

function sweepTable(sweep: readonly CaseFigures[]): Table {
  const rows = sweep.map((of) => [
    formatBytes(of.payloadBytes),
    formatCount(of.messages),
    withRuns(of.throughput),
    formatOptional(of.throughput === undefined ? undefined : (of.throughput.median * of.payloadBytes) / 1e6),
    formatOptional(of.adds?.median),
    ...outcomesOf([of]),
  ]);
  return {
    header: ['Payload', 'Messages a run', 'Delivered (msg/s)', 'Delivered (MB/s)', 'Adds acknowledged (/s)', ...OUTCOME_HEADER],
    rows,
  };
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

/** `0`, or `1 of 3; without them p50 0.9, p99 2.1 ms` */
function lateOf({ lateRuns, runs, onTime }: LatencyDistribution): string {
  if (lateRuns === 0) return '0';
  const without =
    onTime === undefined ? 'no run without' : `without them p50 ${formatNumber(onTime.p50)}, p99 ${formatOptional(onTime.p99)} ms`;
  return `${lateRuns} of ${runs}; ${without}`;
}
