import { existsSync } from 'node:fs';
import { readLastSession } from '../bench/bench-file.ts';
import { elections } from '../bench/elections.ts';
import { countOf, formatCount } from '../measuring/format.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { failover } from '../questions/failover/failover.ts';
import { load } from '../questions/load/load.ts';
import { readAnswer } from '../questions/question-file.ts';
import { reasons } from '../questions/reasons/reasons.ts';
import { electionsOf } from '../questions/reasons/reasons-row.ts';
import { survival } from '../questions/survival.ts';
import { ALL_FAULTS } from '../questions/survival-row.ts';
import type { Evaluation } from '../replay/analysis.ts';
import { countDeliveries } from '../replay/delivery-faults.ts';
import type { Section } from './table.ts';

/** Messages that were counted one by one from their add to their completion. */
export interface MessageSource {
  readonly source: string;
  readonly runs: number;
  readonly acknowledged: number;
  /** Faults were injected into its runs. */
  readonly isUnderFaults: boolean;
  /** Acknowledged, and not in the queue when it was empty; `null` where a run ended before they were counted. */
  readonly lost: number | null;
  readonly duplicated: number | null;
  /** Acknowledged, and still to be completed when the run ended. */
  readonly notCompleted: number;
}

/** Elections in clusters without a fault, where there should be none. */
export interface ElectionCount {
  readonly source: string;
  readonly clusters: number;
  readonly elections: number;
}

/** What the results folder itself has; the replayed scenarios first. */
export function messageSources({ allRows }: Pick<Evaluation, 'allRows'>, results: ResultsFolder): readonly MessageSource[] {
  const { acknowledged, lost, duplicated } = countDeliveries(allRows);
  const replayed = {
    source: 'replayed scenarios, runs.csv',
    runs: allRows.length,
    acknowledged,
    isUnderFaults: false,
    lost,
    duplicated,
    notCompleted: 0,
  };
  return [replayed, ...ofLoad(results), ...ofFailover(results), ...ofSurvival(results)];
}

function ofLoad(results: ResultsFolder): readonly MessageSource[] {
  const rows = readAnswer(results, load)?.rows;
  if (rows === undefined) return [];
  const sum = (column: 'acknowledged' | 'duplicated' | 'not_completed'): number => rows.reduce((total, row) => total + row[column], 0);
  return [
    {
      ...{ source: 'rates of load, load.csv', runs: rows.length, acknowledged: sum('acknowledged'), isUnderFaults: false },
      // What was lost is among what was not completed: the two cannot be distinguished.
      ...{ lost: 0, duplicated: sum('duplicated'), notCompleted: sum('not_completed') },
    },
  ];
}

function ofFailover(results: ResultsFolder): readonly MessageSource[] {
  const rows = readAnswer(results, failover)?.rows.filter(({ kind }) => kind === 'summary');
  if (rows === undefined) return [];
  const acknowledged = rows.reduce((total, row) => total + row.acknowledged, 0);
  const foundOf = (column: 'lost' | 'duplicated'): number | null => sumOf(rows.map((row) => row[column]));
  return [
    {
      ...{ source: 'failovers, failover.csv', runs: rows.length, acknowledged, isUnderFaults: true },
      ...{ lost: foundOf('lost'), duplicated: foundOf('duplicated'), notCompleted: 0 },
    },
  ];
}

function ofSurvival(results: ResultsFolder): readonly MessageSource[] {
  const rows = readAnswer(results, survival)?.rows.filter(({ fault }) => fault === ALL_FAULTS) ?? [];
  return [...Map.groupBy(rows, ({ source }) => source)].map(([source, of]) => ({
    source: `faults ${source === 'simulator' || source === 'soak' ? `in the ${source}` : `of ${source}`}, survival.csv`,
    runs: of.reduce((total, { runs }) => total + runs, 0),
    acknowledged: of.reduce((total, row) => total + row.acknowledged, 0),
    isUnderFaults: true,
    lost: sumOf(of.map(({ lost }) => lost)),
    duplicated: sumOf(of.map(({ duplicated }) => duplicated)),
    notCompleted: 0,
  }));
}

/** `null` where one of them is. */
const sumOf = (counts: readonly (number | null)[]): number | null =>
  counts.reduce((total, count) => (total === null || count === null ? null : total + count), 0);

export function electionCounts({ allRows }: Pick<Evaluation, 'allRows'>, results: ResultsFolder): readonly ElectionCount[] {
  const loads = readAnswer(results, load)?.rows;
  const bench = existsSync(results.benchFile)
    ? readLastSession(results.benchFile).figures.filter(({ figure }) => elections.figures.some(({ name }) => name === figure))
    : [];
  return [
    { source: 'replayed scenarios', clusters: allRows.length, elections: countDeliveries(allRows).elections },
    ...(loads === undefined
      ? []
      : [{ source: 'rates of load', clusters: loads.length, elections: loads.reduce((total, { elections }) => total + elections, 0) }]),
    ...ofReasons(results),
    ...(bench.length === 0
      ? []
      : [
          {
            source: 'npm run bench, also beside busy processes',
            clusters: bench.length,
            elections: bench.reduce((total, { value }) => total + value, 0),
          },
        ]),
  ];
}

function ofReasons(results: ResultsFolder): readonly ElectionCount[] {
  const rows = readAnswer(results, reasons)?.rows;
  return rows === undefined ? [] : [{ source: 'why it is fast', ...electionsOf(rows) }];
}

/** The sum over all sources, which is the headline's denominator. */
export function totalOf(sources: readonly MessageSource[]): Omit<MessageSource, 'isUnderFaults'> {
  const sum = (column: 'runs' | 'acknowledged' | 'notCompleted'): number => sources.reduce((total, of) => total + of[column], 0);
  return {
    source: 'total',
    ...{ runs: sum('runs'), acknowledged: sum('acknowledged'), notCompleted: sum('notCompleted') },
    lost: sumOf(sources.map(({ lost }) => lost)),
    duplicated: sumOf(sources.map(({ duplicated }) => duplicated)),
  };
}

/** Acknowledged messages that were delivered: neither lost, nor left in an overloaded run that ended. */
export const deliveredOf = ({ acknowledged, lost, notCompleted }: Pick<MessageSource, 'acknowledged' | 'lost' | 'notCompleted'>): number =>
  acknowledged - notCompleted - (lost ?? 0);

/** `197,113 of them in runs with faults`; undefined where no fault was injected. */
export function underFaults(sources: readonly MessageSource[]): string | undefined {
  const count = sources.filter(({ isUnderFaults }) => isUnderFaults).reduce((total, { acknowledged }) => total + acknowledged, 0);
  return count === 0 ? undefined : `${formatCount(count)} of them in runs with faults`;
}

/** All messages that the evaluation counted, by where they were. */
export function messagesSection(
  { allRows }: Pick<Evaluation, 'allRows'>,
  sources: readonly MessageSource[],
  counts: readonly ElectionCount[],
): Section {
  const { changed, undrained } = countDeliveries(allRows);
  const isOne = sources.length === 1;
  return {
    title: 'Safety: how many messages were lost?',
    ...safetyAnswer(sources),
    note: 'Every message that was counted one by one from its add to its completion, also of runs whose figures do not count. Other sections add messages, too; those are not counted.',
    terms: [
      'Lost: acknowledged, and not delivered by the time its queue was seen empty or, in a replayed run, the wait for that ended. This definition holds everywhere in the report.',
      `Not completed: acknowledged under more load than the cluster completes; the run's wait of five seconds ended before the queue was empty, so that whether they were lost is undetermined: none of them was delivered yet. Rates of load count what was acknowledged in the measured twenty seconds.`,
      `Payloads changed in the replayed scenarios: ${formatCount(changed)}; their queues not drained: ${formatCount(undrained)}.`,
      electionsLine(counts),
    ],
    table: {
      header: ['Source', 'Runs', 'Acknowledged', 'Lost', 'Duplicated', 'Not completed'],
      rows: [...sources, ...(isOne ? [] : [totalOf(sources)])].map(({ source, runs, acknowledged, lost, duplicated, notCompleted }) => [
        source,
        formatCount(runs),
        formatCount(acknowledged),
        ...[lost, duplicated].map((count) => (count === null ? 'not counted' : formatCount(count))),
        formatCount(notCompleted),
      ]),
    },
    charts: [],
  };
}

function safetyAnswer(sources: readonly MessageSource[]): Pick<Section, 'answer' | 'brief'> {
  const total = totalOf(sources);
  const { acknowledged, lost, duplicated, notCompleted } = total;
  const count = (of: number | null): string => (of === null ? 'an unknown number' : formatCount(of));
  const faults = underFaults(sources);
  const delivered = lost === null ? '' : `${formatCount(deliveredOf(total))} were delivered, `;
  const undetermined = notCompleted === 0 ? '' : `, ${formatCount(notCompleted)} are undetermined`;
  const all = `Of ${formatCount(acknowledged)} acknowledged messages${faults === undefined ? '' : ` (${faults})`}`;
  return {
    brief: `${all} ${count(lost)} are known to be lost${undetermined}.`,
    answer: `${all} ${delivered}${count(lost)} are known to be lost${undetermined}; ${count(duplicated)} were delivered twice.`,
  };
}

/** Whose elections say nothing here, or are not in the rows. */
const NOT_COUNTED =
  'Not counted: clusters under faults ("What does a client see of a failover?", "How long without a leader?", simulator and soak), and those whose rows have no elections ("What does size cost?", "What does a node more cost?", "How fast is recovery?", "How fast are other queues?", and all else of npm run bench).';

function electionsLine(counts: readonly ElectionCount[]): string {
  const total = counts.reduce((sum, { elections }) => sum + elections, 0);
  const clusters = counts.reduce((sum, of) => sum + of.clusters, 0);
  const parts = counts.map((of) => `${of.source}: ${formatCount(of.elections)} in ${formatCount(of.clusters)}`).join(', ');
  return `Elections without a fault, of which there should be none: ${formatCount(total)} in ${countOf(clusters, 'cluster')} (${parts}). ${NOT_COUNTED}`;
}
