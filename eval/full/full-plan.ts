import { join } from 'node:path';
import { packageRoot } from '../measuring/package-root.ts';
import { QUESTIONS } from '../questions/all-questions.ts';
import { expectedMsOf } from '../questions/question.ts';

/** One command of a full session, which runs in a process of its own. */
export interface FullStep {
  readonly name: string;
  /** What it fills, for the printed plan. */
  readonly fills: string;
  readonly expectedMs: number;
  /** Arguments of Node.js; where it writes is added. */
  readonly args: readonly string[];
  /** Whether the command has `--plots-out`. Default: true. */
  readonly hasCharts?: false;
}

const MINUTE_MS = 60_000;
const entry = (...path: readonly string[]): string => join(packageRoot(), 'dist', 'eval', ...path);

/** @param session name of the questions' session, which a resumed one goes on with. */
export function fullPlan(session: string): readonly FullStep[] {
  return [
    { name: 'replay', fills: 'runs.csv: R12–R15, sizes, latency', expectedMs: 14 * MINUTE_MS, args: [entry('main.js'), 'all', '--paced'] },
    // Ten minutes of the last question are the faults of processes.
    ...QUESTIONS.map((question) => ({
      name: `question ${question.id}`,
      fills: `${question.id}.csv: ${question.asks}`,
      expectedMs: expectedMsOf(question),
      args: [entry('questions', 'main.js'), '--only', question.id, '--session', session],
    })),
    {
      name: 'bench',
      fills: 'bench.csv: the figures with goals',
      expectedMs: 18 * MINUTE_MS,
      args: [entry('bench', 'main.js'), '--rounds', '3'],
      hasCharts: false,
    },
    { name: 'micro', fills: 'micro.csv: costs of single parts', expectedMs: 2 * MINUTE_MS, args: [entry('micro', 'main.js')] },
    { name: 'profile', fills: 'profile.csv: where the time goes', expectedMs: 1.5 * MINUTE_MS, args: [entry('profile', 'main.js')] },
    {
      name: 'peers',
      fills: 'peers.csv: the same workload on other queues',
      // About 2.5 minutes for each of eight systems in a round.
      expectedMs: 40 * MINUTE_MS,
      args: [entry('peers', 'main.js'), '--rounds', '2'],
      hasCharts: false,
    },
  ];
}
