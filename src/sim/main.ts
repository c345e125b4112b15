import '../runtime/check.ts';

import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Piscina } from 'piscina';
import { JobraftError } from '../base/errors.ts';
import { MACHINE_NAMES, type MachineName, planOf } from './plan.ts';
import type { RunOutcome } from './run-plan.ts';
import { runPlan } from './run-plan.ts';
import type { SeedTask } from './seed-worker.ts';
import { shrink } from './shrink.ts';
import { Summary } from './summary.ts';
import { readTrace, saveTrace } from './trace-file.ts';

interface Options {
  readonly machine: MachineName;
  readonly seeds: number;
  readonly from: number;
  readonly nodes: number;
  readonly seconds: number;
  readonly threads: number;
  readonly replay?: string;
  readonly save: string;
  readonly json?: boolean;
  readonly untilViolation?: boolean;
  readonly doubleRun: boolean;
  readonly shrink: boolean;
}

const SEEDS_PER_TASK = 10;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number from 1 on.');
  return value;
}

function parse(argv: readonly string[]): Options {
  const command = new Command('sim')
    .description('Runs simulated clusters through random faults, each seed twice, and checks every step.')
    .addOption(new Option('--machine <name>', 'the state machine').choices(MACHINE_NAMES).default('queue'))
    .option('--seeds <n>', 'how many seeds', wholeNumber, 200)
    .option('--from <seed>', 'the first seed', wholeNumber, 1)
    .option('--nodes <n>', 'initial voters of the cluster', wholeNumber, 5)
    .option('--seconds <s>', 'simulated seconds of faults', wholeNumber, 10)
    .option('--threads <n>', 'threads', wholeNumber, availableParallelism())
    .option('--replay <trace.json>', 'run one saved trace instead')
    .option('--save <trace.json>', 'where the first violation is saved, shrunk', 'trace.json')
    .option('--until-violation', 'stop at the first violation')
    .option('--no-double-run', 'run each seed once')
    .option('--no-shrink', 'do not shrink the first violation')
    .option('--json', 'print one JSON object instead of text');
  return command.parse(argv).opts<Options>();
}

function replay(file: string): number {
  const { plan, failure } = readTrace(file);
  const outcome = runPlan(plan);
  if (outcome.failure === undefined) {
    console.log(`seed ${plan.seed} passes. It once broke "${failure.invariant}": ${failure.message}`);
    return 0;
  }
  console.log(`seed ${plan.seed} breaks "${outcome.failure.invariant}" after ${outcome.failure.atMs} ms: ${outcome.failure.message}`);
  return 1;
}

async function runAll(options: Options): Promise<Summary> {
  const { machine, seeds, from, nodes, seconds, threads, doubleRun: isTwice } = options;
  const summary = new Summary();
  const pool = new Piscina({ filename: new URL('./seed-worker.js', import.meta.url).href, name: 'runSeeds', maxThreads: threads });
  const isShown = process.stderr.isTTY === true && options.json !== true;
  const bar = new SingleBar({ format: '{bar} {value}/{total} seeds, {violations} violations, {eta_formatted} left' });
  if (isShown) bar.start(seeds, 0, { violations: 0 });
  const stop = new AbortController();
  // Every task adds a listener to it.
  setMaxListeners(0, stop.signal);
  // A terminated thread may have sent a message before.
  pool.on('error', (error: Error) => {
    if (!stop.signal.aborted) throw error;
  });
  const isUntilViolation = options.untilViolation === true;
  const tasks: Promise<void>[] = [];
  for (let first = from; first < from + seeds; first += SEEDS_PER_TASK) {
    const list = Array.from({ length: Math.min(SEEDS_PER_TASK, from + seeds - first) }, (_, at) => first + at);
    const task: SeedTask = { seeds: list, machine, nodes, seconds, isTwice, isUntilViolation };
    const run: Promise<readonly RunOutcome[]> = pool.run(task, { signal: stop.signal });
    tasks.push(
      run.then((outcomes) => {
        for (const outcome of outcomes) summary.add(outcome);
        if (isShown) bar.update(summary.seeds, { violations: summary.violations.length });
        if (isUntilViolation && summary.violations.length > 0) stop.abort();
      }),
    );
  }
  for (const result of await Promise.allSettled(tasks)) if (result.status === 'rejected' && !stop.signal.aborted) throw result.reason;
  if (isShown) bar.stop();
  await pool.destroy();
  summary.violations.sort((one, other) => one.seed - other.seed);
  return summary;
}

function saveFirst(options: Options, summary: Summary): void {
  const first = summary.violations[0];
  if (first === undefined || !options.shrink) return;
  const { plan, failure, runs } = shrink(planOf(first.seed, options), first);
  saveTrace(options.save, { plan, failure });
  console.log(`seed ${first.seed} shrunk in ${runs} runs to ${plan.faults.length} faults, ${plan.clients} clients: ${failure.message}`);
  console.log(`saved: npm run sim -- --replay ${options.save}`);
}

async function main(): Promise<number> {
  const options = parse(process.argv);
  if (options.replay !== undefined) return replay(options.replay);
  const startedMs = performance.now();
  const summary = await runAll(options);
  const wallMs = Math.round(performance.now() - startedMs);
  if (options.json === true) {
    const { seeds, violations, simulatedHours, events } = summary;
    console.log(JSON.stringify({ seeds, violations, simulatedHours, events, wallMs, neverReached: summary.neverReached() }));
  } else {
    for (const line of summary.lines(wallMs)) console.log(line);
    saveFirst(options, summary);
  }
  return summary.violations.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof JobraftError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
