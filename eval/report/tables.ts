import { formatCount, formatOptional, formatPublished, formatTiny } from '../measuring/format.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { type CaseFigures, type Evaluation, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { Settings } from '../replay/settings.ts';
import { claimsSection } from './claims.ts';
import { type IdleLatency, idleLatencies } from './idle-latency.ts';
import { latencySection } from './latency-section.ts';
import { type ElectionCount, electionCounts, type MessageSource, messageSources, messagesSection } from './message-sources.ts';
import { OUTCOME_HEADER, outcomesOf } from './outcomes.ts';
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
    ...['survival', 'limit', 'time', 'load', 'failover', 'elections'].flatMap(questions),
    {
      title: 'Scenarios low and high',
      note: `Low: ${sizesOf(evaluation.lowAndHigh.slice(0, 1))}; high: ${sizesOf(evaluation.lowAndHigh.slice(1))}. A message counts when it was added, acknowledged, claimed and completed.`,
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

const sizesOf = (cases: readonly ReplayCase[]): string =>
  cases.map(({ messages, payloadBytes }) => `${formatCount(messages)} messages of ${formatBytes(payloadBytes)}`).join(', ') ||
  'not measured';

const coldSection = (sweep: Evaluation['sweep']): Section => ({
  title: 'Capacity by payload, cold',
  note: 'Closed loop, a fixed number of messages on a new cluster, whose code is still being compiled: a bounded number of messages is always in flight, while consumers complete the added ones.',
  table: sweepTable(sweep),
  charts: ['throughput-by-size'],
});

/** What pacing and columns mean. */
function replayTerms({ settings: { pacing, published, producer } }: Evaluation): readonly string[] {
  return [
    `Paced: a message is sent, its reply awaited, and ${pacing.delayMs} ms slept; after the last one ${pacing.settleMs} ms of rest. With replies in no time that is N / (${pacing.delayMs / 1000} N + ${pacing.settleMs / 1000}) msg/s.`,
    'Fast: the same messages as fast as possible, which is cold: the first second of a new process.',
    'Overhead, of the paced runs and of the original: (wall − pacing − settling) / N, per message. p50: from sending to acknowledgement.',
    `Time per message, of the fast runs: wall / N, which is 1/rate. Up to ${formatCount(producer.inFlightMax)} messages are in flight, so that it is no round trip.`,
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
      'Fast, time per message, 1/rate (ms)',
      ...OUTCOME_HEADER,
    ],
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
