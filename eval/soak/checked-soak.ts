import { checkHistory, type HistoryReport } from '../../src/history/checkers/check-history.ts';
import { type SoakOptions, type SoakRun, soak } from './driver.ts';
import { readHistory } from './history-file.ts';
import { smallQueues } from './load.ts';
import { longestGapMs } from './summary.ts';

/** The nodes share one clock, but read it at different times. */
const CLOCK_ERROR_MS = 50;
/**
 * A small queue takes some hundred steps. This bound is about 10 s of a processor, for a queue that needs far more because of unknown
 * outcomes.
 */
const QUEUE_STEPS_MAX = 1_000_000;

export interface CheckedSoak {
  readonly run: SoakRun;
  readonly report: HistoryReport;
  /** The longest time in which no add was acknowledged. */
  readonly gapMs: number;
}

/** Runs a soak, then every checker over its history. */
export async function checkedSoak(options: SoakOptions): Promise<CheckedSoak> {
  const run = await soak(options);
  const events = readHistory(options.historyFile);
  const report = checkHistory(events, {
    clockErrorMs: CLOCK_ERROR_MS,
    isDrained: run.failures.length === 0,
    wholeQueues: smallQueues(run.processes),
    queueStepsMax: QUEUE_STEPS_MAX,
  });
  return { run, report, gapMs: longestGapMs(events) };
}

/** No failure, no election without a fault, and no violation; the verdict `unknown` is none. */
export const isCleanSoak = ({ run, report }: CheckedSoak): boolean =>
  run.failures.length === 0 && run.elections.count === 0 && report.verdicts.every(({ result }) => result !== 'violation');
