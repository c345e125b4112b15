import { readFileSync } from 'node:fs';
import { checkHistory } from '../../src/history/checkers/check-history.ts';
import { parseHistory } from '../../src/history/parse-history.ts';
import type { ManagedProcess } from '../upgrade/processes.ts';

/** As the soak: scheduling on a busy machine delays what a client records. */
const CLOCK_ERROR_MS = 500;
const SHOWN_MAX = 5;

/** What a client of `python/` or `go/` prints last. */
interface Summary {
  readonly added: number;
  readonly completed: number;
  readonly left: number;
}

export interface RecordedResult {
  /** What was done, for the output. */
  readonly text: string;
  readonly faults: readonly string[];
}

/** Judges a client that has ended, by its own words and by its history. @param leastAdds fewer would not show anything. */
export function judge(client: ManagedProcess, historyFile: string, leastAdds: number): RecordedResult {
  if (client.exitCode !== 0) return { text: 'has failed', faults: [client.endText] };
  // The only cast: the program prints it.
  const summary = JSON.parse(client.output.trim().split('\n').at(-1) ?? '') as Summary;
  const { accounting, verdicts, operations } = checkHistory(parseHistory(readFileSync(historyFile, 'utf8')), {
    clockErrorMs: CLOCK_ERROR_MS,
  });
  const { acknowledged, unknown, lost, duplicated, unexpected } = accounting;
  const faults = verdicts.flatMap(({ checker, result, problems }) =>
    result === 'violation'
      ? [
          `${checker}: ${problems
            .slice(0, SHOWN_MAX)
            .map(({ what }) => what)
            .join('; ')}`,
        ]
      : [],
  );
  if (acknowledged < leastAdds) faults.push(`Only ${acknowledged} adds were acknowledged, ${leastAdds} at least are needed.`);
  if (acknowledged !== summary.added) faults.push(`The history has ${acknowledged} adds, the client ${summary.added}.`);
  if (unknown > 0) faults.push(`${unknown} adds have an unknown outcome, although they were repeated with their numbers.`);
  if (summary.left > 0) faults.push(`${summary.left} jobs are left.`);
  if (summary.completed !== acknowledged) faults.push(`${acknowledged} jobs were added, ${summary.completed} completed.`);
  const checked = verdicts.map(({ checker, result }) => `${checker} ${result}`).join(', ');
  const counts = `${acknowledged} adds acknowledged, ${lost} lost, ${duplicated} duplicated, ${unexpected} unexpected, ${unknown} unknown`;
  return { text: `${operations} calls: ${counts}; ${summary.completed} completed. Checks: ${checked}`, faults };
}
