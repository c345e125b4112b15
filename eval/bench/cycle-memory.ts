import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { BenchContext, BenchMeasure } from './bench-measure.ts';
import type { BenchFigure, FigureDefinition } from './figure.ts';

const PROCESS_FILE = fileURLToPath(new URL('./cycle-memory-process.js', import.meta.url));
const MILLION = 1_000_000;
const MILLIONS = [1, 3, 10] as const;
/** Of a session that is not `--long`. */
const SHORT_MILLIONS = [1, 3] as const;

type Millions = (typeof MILLIONS)[number];

/** The process's only argument, as JSON. */
export interface CycleMemoryTask extends Pick<BenchContext, 'config' | 'dataDir' | 'seed'> {
  /** Numbers of full cycles after which it reports its memory, ascending. */
  readonly marks: readonly number[];
}

const reportSchema = z.object({ cycles: z.number(), residentBytes: z.number() });

/** The process's report at each mark. */
export type CycleMemoryReport = z.infer<typeof reportSchema>;

const memoryAfter = (millions: Millions): string => `memory after ${millions} million full cycles`;
const growthTo = (millions: Millions): string => `memory after ${millions} million full cycles, relative to 1 million`;

const growth = (millions: Millions, limit: number): FigureDefinition => ({
  name: growthTo(millions),
  unit: '×',
  better: 'less',
  floor: 'none',
  goals: [{ of: 'median', limit }],
});

/**
 * Resident memory of a process that holds a cluster and one worker, with Node.js's default flags, after a number of jobs were added,
 * claimed and completed, at most 2,000 of them unfinished at any time: the goal is that it stays the same. It is a separate process, since
 * the bench's own memory depends on the measures before.
 */
export const cycleMemory: BenchMeasure = {
  label: 'memory',
  expectedMs: 40_000,
  when: 'last',
  figures: [
    ...MILLIONS.map((millions): FigureDefinition => ({ name: memoryAfter(millions), unit: 'MB', better: 'less', floor: 'none' })),
    growth(3, 1.1),
    growth(10, 1.25),
  ],
  measure: (context) => measureMemory(context, SHORT_MILLIONS),
  long: { expectedMs: 130_000, measure: (context) => measureMemory(context, MILLIONS) },
};

async function measureMemory({ config, dataDir, seed, signal }: BenchContext, millions: readonly Millions[]): Promise<BenchFigure[]> {
  const task: CycleMemoryTask = { config, dataDir, seed, marks: millions.map((count) => count * MILLION) };
  return memoryFigures(await runProcess(task, signal));
}

/** The figures of the process's reports. */
export function memoryFigures(reports: readonly CycleMemoryReport[]): BenchFigure[] {
  const bytesAfter = (millions: Millions): number | undefined => reports.find(({ cycles }) => cycles === millions * MILLION)?.residentBytes;
  const first = bytesAfter(1);
  return MILLIONS.flatMap((millions): BenchFigure[] => {
    const bytes = bytesAfter(millions);
    if (bytes === undefined) return [];
    const memory = { figure: memoryAfter(millions), unit: 'MB', value: bytes / 1e6 } as const;
    if (first === undefined || millions === 1) return [memory];
    return [memory, { figure: growthTo(millions), unit: '×', value: bytes / first }];
  });
}

/** @returns its reports until it ended, or `signal` was aborted. @throws when it failed. */
function runProcess(task: CycleMemoryTask, signal: AbortSignal): Promise<readonly CycleMemoryReport[]> {
  return new Promise((resolve, reject) => {
    const reports: CycleMemoryReport[] = [];
    const child = fork(PROCESS_FILE, [JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const onAbort = (): void => void child.kill();
    signal.addEventListener('abort', onAbort);
    child.on('message', (message) => reports.push(reportSchema.parse(message)));
    child.on('error', reject);
    child.on('exit', (code) => {
      signal.removeEventListener('abort', onAbort);
      if (code === 0 || signal.aborted) resolve(reports);
      else reject(new Error(`The process that measures memory failed, exit code ${code}.`));
    });
  });
}
