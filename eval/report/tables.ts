import { formatCount, formatNumber, formatOptional, formatPublished, formatTiny } from '../measuring/format.ts';
import { type CaseFigures, type Evaluation, type Figure, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { Settings } from '../replay/settings.ts';

export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A table with its heading and a note. */
export interface Section {
  readonly title: string;
  readonly note: string;
  readonly table: Table;
  /** Names of the charts that belong to it. */
  readonly charts: readonly string[];
}

/** Every table of the reports, in their order; the terminal shows the same ones. */
export function sections(evaluation: Evaluation): readonly Section[] {
  const { settings } = evaluation;
  const replayNote =
    `Paced: one message every ${settings.pacing.delayMs} ms, then ${settings.pacing.settleMs} ms of rest; ` +
    'the ceiling is N / (0.1 N + 0.5) msg/s. Fast: the same messages as fast as possible. ' +
    'A message counts when it was added, acknowledged, claimed and completed. ' +
    'Overhead: (wall − pacing − settling) / N, per message. p50: the median time from the moment at which a message was due to its acknowledgement. ' +
    `"Original": ${settings.published.system}, ${settings.published.source}; published elsewhere, measured on another machine, never here.`;
  return [
    {
      title: 'Scenarios low and high',
      note: replayNote,
      table: replayTable(evaluation.lowAndHigh, settings),
      charts: ['throughput-by-count', 'overhead-by-count'],
    },
    {
      title: 'Scenario payload',
      note: 'Pacing and columns are the same as in the table above.',
      table: replayTable(evaluation.payload, settings),
      charts: ['throughput-by-payload', 'overhead-by-payload'],
    },
    {
      title: 'Latency by payload',
      note: 'Open loop: messages leave at a fixed rate, and each is timed from the moment at which it was due, so that a slow reply is not hidden by a late request. A percentile is left empty where there are too few messages for it.',
      table: latencyTable(evaluation),
      charts: ['latency-distribution', 'latency-by-size'],
    },
    {
      title: 'Capacity by payload',
      note: 'Closed loop: a bounded number of messages is always in flight, while consumers complete the added ones.',
      table: sweepTable(evaluation.sweep),
      charts: ['throughput-by-size'],
    },
  ];
}

function replayTable(cases: readonly ReplayCase[], settings: Settings): Table {
  const measured = cases.filter(({ paced, fast }) => paced !== undefined || fast !== undefined);
  const rows = measured.map(({ messages, payloadBytes, published, paced, fast }) => [
    `${formatCount(messages)} × ${formatBytes(payloadBytes)}`,
    published === undefined ? '–' : `${formatPublished(published.perSecond)}${published.finished ? '' : ' (hung)'}`,
    withRuns(paced?.throughput),
    withRuns(fast?.throughput),
    published === undefined ? '–' : formatOptional(publishedOverheadMs(published, settings.pacing)),
    paced?.overhead === undefined ? '–' : formatTiny(paced.overhead.median),
    formatOptional(paced?.latencyP50?.median),
    formatOptional(fast?.overhead?.median),
    lostOf([paced, fast]),
    duplicatedOf([paced, fast]),
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
      'Lost',
      'Duplicated',
    ],
    rows,
  };
}

function latencyTable({ latency }: Evaluation): Table {
  const rows = latency.map((of) => [
    formatBytes(of.payloadBytes),
    formatOptional(of.rows[0]?.offered_per_s),
    formatCount(sum(of, 'acknowledged')),
    formatOptional(of.latencyP50?.median),
    formatOptional(of.latencyP90?.median),
    formatOptional(of.latencyP99?.median),
    formatNumber(Math.max(...of.rows.map((row) => row.latency_max_ms ?? 0))),
    lostOf([of]),
  ]);
  return { header: ['Payload', 'Offered (msg/s)', 'Messages', 'p50 (ms)', 'p90 (ms)', 'p99 (ms)', 'Max (ms)', 'Lost'], rows };
}

function sweepTable(sweep: readonly CaseFigures[]): Table {
  const rows = sweep.map((of) => [
    formatBytes(of.payloadBytes),
    formatCount(of.messages),
    withRuns(of.throughput),
    formatOptional(of.throughput === undefined ? undefined : (of.throughput.median * of.payloadBytes) / 1_048_576),
    formatOptional(of.adds?.median),
    lostOf([of]),
    duplicatedOf([of]),
  ]);
  return {
    header: ['Payload', 'Messages a run', 'Delivered (msg/s)', 'Delivered (MiB/s)', 'Adds acknowledged (/s)', 'Lost', 'Duplicated'],
    rows,
  };
}

/** `8,120 (n=3, 7,900–8,300)` */
function withRuns(figure: Figure | undefined): string {
  if (figure === undefined) return '–';
  const { interval } = figure;
  const range = interval === undefined ? '' : `, ${formatNumber(interval.low)}–${formatNumber(interval.high)}`;
  return `${formatNumber(figure.median)} (n=${figure.runs}${range})`;
}

const sum = (of: CaseFigures, column: 'acknowledged' | 'lost' | 'duplicated'): number =>
  of.rows.reduce((total, row) => total + row[column], 0);
const total = (cases: readonly (CaseFigures | undefined)[], column: 'lost' | 'duplicated'): string => {
  const measured = cases.filter((of) => of !== undefined);
  return measured.length === 0 ? '–' : formatCount(measured.reduce((count, of) => count + sum(of, column), 0));
};
const lostOf = (cases: readonly (CaseFigures | undefined)[]): string => total(cases, 'lost');
const duplicatedOf = (cases: readonly (CaseFigures | undefined)[]): string => total(cases, 'duplicated');
