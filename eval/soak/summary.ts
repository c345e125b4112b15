import type { HistoryReport } from '../../src/history/checkers/check-history.ts';
import type { Verdict } from '../../src/history/checkers/verdict.ts';
import type { HistoryEvent } from '../../src/history/history.ts';
import type { SoakRun } from './driver.ts';

/** The longest time in which no add was acknowledged, in milliseconds: the longest outage. */
export function longestGapMs(events: readonly HistoryEvent[]): number {
  let longestUs = 0;
  let lastUs: number | undefined;
  for (const { f, type, time } of events) {
    if (f !== 'add' || type !== 'ok') continue;
    if (lastUs !== undefined) longestUs = Math.max(longestUs, time - lastUs);
    lastUs = time;
  }
  return longestUs / 1_000;
}

/** The result as a table of two columns. */
export function summaryOf(run: SoakRun, report: HistoryReport, gapMs: number): string {
  const { accounting, verdicts, operations } = report;
  const count = (step: Parameters<SoakRun['steps']['get']>[0]): number => run.steps.get(step) ?? 0;
  const faults = [
    `${count('kill-leader')} leaders and ${count('kill-process')} whole processes killed`,
    `${count('partition') + count('isolate')} partitions`,
    `${count('pause')} pauses`,
    `${count('stuck-node')} stuck threads`,
    `${count('rolled-back-folder')} rolled-back and ${count('foreign-folder')} foreign folders`,
    `${count('full-disk')} full disks`,
    `${count('delay') + count('drop')} bad networks`,
  ];
  const rows: (readonly [string, string])[] = [
    ['ran', `${run.seconds.toFixed(1)} s, ${operations} operations`],
    ['faults', faults.join(', ')],
    ['nodes', run.sizes.join(' -> ')],
    ['adds acknowledged', `${accounting.acknowledged}`],
    ['adds of unknown outcome', `${accounting.unknown}, of which ${accounting.unknownFound} took effect`],
    ['lost', `${accounting.lost}`],
    ['dead letters', `${run.deadLetters ?? 'not counted'}`],
    ['dead letters that no processor caused', `${run.deadLettersWithoutCause}`],
    ['elections without a fault', `${run.elections.count} in ${run.calmSeconds.toFixed(0)} s without a fault`],
    ['elections of a busy machine', `${run.elections.described.length - run.elections.count}`],
    ['duplicated', `${accounting.duplicated}`],
    ['unexpected', `${accounting.unexpected}`],
    ['longest time without an acknowledged add', `${gapMs.toFixed(0)} ms`],
    ...verdicts.map((verdict) => [`check: ${verdict.checker}`, answerOf(verdict)] as const),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

/** As `yes (12 queues, 734 operations)`, or `unknown for 1 of 12 queues (734 operations)`. */
function answerOf({ result, checked, problemCount, searches }: Verdict): string {
  const problems = problemCount > 0 ? [`${problemCount} problems`] : [];
  const words = result === 'ok' ? ['yes'] : result === 'violation' ? ['violation'] : [];
  if (searches !== undefined && searches.unknown > 0)
    words.push(`unknown for ${searches.unknown} of ${searches.count} ${searches.objects}`);
  const searched = searches === undefined || searches.unknown > 0 ? [] : [`${searches.count} ${searches.objects}`];
  return `${words.join(', ')} (${[...searched, `${checked} operations`, ...problems].join(', ')})`;
}
