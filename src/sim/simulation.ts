import { setMaxListeners } from 'node:events';
import { Piscina } from 'piscina';
import { planOf } from './plan.ts';
import { type RunOutcome, runPlan } from './run-plan.ts';
import type { SeedTask } from './seed-worker.ts';
import { shrink } from './shrink.ts';
import type { SimOptions } from './sim-options.ts';
import { Summary } from './summary.ts';
import { readTrace, saveTrace } from './trace-file.ts';

const SEEDS_PER_TASK = 10;

/** Where a simulation shows what it found. */
export interface SimObserver {
  readonly line: (text: string) => void;
  readonly onProgress: (seeds: number, violations: number) => void;
  readonly isJson: boolean;
  /** Once it is aborted, no other seed begins. */
  readonly signal: AbortSignal;
}

/**
 * Runs the seeds, or the saved trace, and prints the result.
 * @returns how many of them broke an invariant. @throws {TraceFileError}
 */
export async function runSimulation(options: SimOptions, observer: SimObserver): Promise<number> {
  if (options.replay !== undefined) return replay(options.replay, observer);
  const startedMs = performance.now();
  const summary = await runAll(options, observer);
  const wallMs = Math.round(performance.now() - startedMs);
  if (observer.isJson) {
    const { seeds, violations, simulatedHours, events } = summary;
    observer.line(JSON.stringify({ seeds, violations, simulatedHours, events, wallMs, neverReached: summary.neverReached() }));
  } else {
    for (const line of summary.lines(wallMs)) observer.line(line);
    saveFirst(options, summary, observer);
  }
  return summary.violations.length;
}

function replay(file: string, { line, isJson }: SimObserver): number {
  const { plan, failure } = readTrace(file);
  const { failure: found } = runPlan(plan);
  if (isJson) line(JSON.stringify({ seed: plan.seed, violation: found ?? null }));
  else if (found === undefined) line(`seed ${plan.seed} passes. It once broke "${failure.invariant}": ${failure.message}`);
  else line(`seed ${plan.seed} breaks "${found.invariant}" after ${found.atMs} ms: ${found.message}`);
  return found === undefined ? 0 : 1;
}

async function runAll(options: SimOptions, { onProgress, signal }: SimObserver): Promise<Summary> {
  const { machine, seeds, from, nodes, seconds, threads, doubleRun: isTwice } = options;
  const summary = new Summary();
  const pool = new Piscina({ filename: new URL('./seed-worker.js', import.meta.url).href, name: 'runSeeds', maxThreads: threads });
  const found = new AbortController();
  const stop = AbortSignal.any([found.signal, signal]);
  // Every task adds a listener to it.
  setMaxListeners(0, stop);
  // A terminated thread may have sent a message before.
  pool.on('error', (error: Error) => {
    if (!stop.aborted) throw error;
  });
  const isUntilViolation = options.untilViolation === true;
  const tasks: Promise<void>[] = [];
  for (let first = from; first < from + seeds; first += SEEDS_PER_TASK) {
    const list = Array.from({ length: Math.min(SEEDS_PER_TASK, from + seeds - first) }, (_, at) => first + at);
    const task: SeedTask = { seeds: list, machine, nodes, seconds, isTwice, isUntilViolation };
    const run: Promise<readonly RunOutcome[]> = pool.run(task, { signal: stop });
    tasks.push(
      run.then((outcomes) => {
        for (const outcome of outcomes) summary.add(outcome);
        onProgress(summary.seeds, summary.violations.length);
        if (isUntilViolation && summary.violations.length > 0) found.abort();
      }),
    );
  }
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected' && !stop.aborted) throw result.reason;
  await pool.destroy();
  summary.violations.sort((one, other) => one.seed - other.seed);
  return summary;
}

function saveFirst(options: SimOptions, summary: Summary, { line, signal }: SimObserver): void {
  const first = summary.violations[0];
  if (first === undefined || !options.shrink || signal.aborted) return;
  const { plan, failure, runs } = shrink(planOf(first.seed, options), first);
  saveTrace(options.save, { plan, failure });
  line(`seed ${first.seed} shrunk in ${runs} runs to ${plan.faults.length} faults, ${plan.clients} clients: ${failure.message}`);
  line(`saved: run it again with --replay ${options.save}`);
}
