import '../../src/runtime/check.ts';

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { UserError } from '../measuring/user-error.ts';
import { checkedSoak, isCleanSoak } from './checked-soak.ts';
import { summaryOf } from './summary.ts';

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly rate: number;
  readonly history?: string;
}

const SECONDS_MAX = 3_600;
/** More jobs than this would make a history that no longer fits into memory at once. */
const ADDS_MAX = 100_000;
const PROBLEMS_SHOWN = 20;
/** @returns the exit code. */
async function run({ seconds, seed, rate, history }: Options): Promise<number> {
  if (seconds > SECONDS_MAX) throw new UserError(`--seconds ${seconds} is more than an hour. Give at most ${SECONDS_MAX}.`);
  if (history !== undefined && existsSync(history)) throw new UserError(`${history} exists already. Name another file, or remove it.`);
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-soak-'));
  const historyFile = resolve(history ?? join(folder, 'history.ndjson'));
  let isClean = false;
  try {
    const addsPerSecond = Math.max(1, Math.min(rate, Math.floor(ADDS_MAX / seconds)));
    console.log(`seed ${seed}, ${seconds} s, ${addsPerSecond} adds/s, Node.js ${process.version}, history in ${historyFile}`);
    const print = (line: string): void => console.log(line);
    const checked = await checkedSoak({ seconds, seed, addsPerSecond, folder, historyFile, print });
    const { run: result, report, gapMs } = checked;
    console.log(`\n${summaryOf(result, report, gapMs)}`);
    for (const { checker, problems } of report.verdicts)
      for (const { what } of problems.slice(0, PROBLEMS_SHOWN)) console.log(`\n${checker}: ${what}`);
    for (const election of result.elections.described) console.log(`\nelection without a fault: ${election}`);
    for (const failure of result.failures) console.log(`\nfailure: ${failure}`);
    // The table shows the verdict `unknown`.
    isClean = isCleanSoak(checked);
  } finally {
    if (isClean) rmSync(folder, { recursive: true, force: true });
    else console.error(`The files of this run are kept in ${folder}; the history is ${historyFile}.`);
  }
  return isClean ? 0 : 1;
}

const program = new Command('soak')
  .description('Runs clients against a cluster under real faults, and checks their history.')
  .option(
    '--seconds <count>',
    'how long faults are injected; from 20 on also those that take seconds each, which makes a run of 20 or 60 s last one or two minutes longer',
    parseCount,
    60,
  )
  .option('--seed <number>', 'chooses faults and load', parseCount, 1)
  .option('--rate <count>', `adds in a second; lowered where they would be more than ${ADDS_MAX} in all`, parseCount, 300)
  .option('--history <file>', 'keep the history here as NDJSON (default: a temporary file, kept only after a violation)')
  .action(async (options: Options) => {
    process.exitCode = await run(options);
  });

// A normal exit, which unmounts the small disk.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

await withoutStackTraces(() => program.parseAsync());
