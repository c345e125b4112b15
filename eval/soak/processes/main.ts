import '../../../src/runtime/check.ts';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseCount, withoutStackTraces } from '../../measuring/command-line.ts';
import { UserError } from '../../measuring/user-error.ts';
import { processFaults } from './faults.ts';
import { runFaults } from './run-faults.ts';

interface Options {
  readonly kills: number;
  readonly rate: number;
  readonly only?: string;
}

const NODES = 3;

/** @returns the exit code. */
async function run({ kills, rate, only }: Options): Promise<number> {
  const faults = processFaults(kills).filter(({ name }) => only === undefined || name.toLowerCase().includes(only.toLowerCase()));
  if (faults.length === 0)
    throw new UserError(
      `No fault has "${only}" in its name. They are: ${processFaults(kills)
        .map(({ name }) => name)
        .join('; ')}.`,
    );
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-soak-'));
  let isClean = false;
  try {
    console.log(`${NODES} node processes by gRPC, ${rate} adds/s, Node.js ${process.version}, files in ${folder}`);
    const results = await runFaults({ faults, nodes: NODES, addsPerSecond: rate, folder, print: (line) => console.log(line) });
    isClean = results.every(({ failures }) => failures.length === 0);
    const sum = (count: 'acknowledged' | 'lost' | 'duplicated'): number => results.reduce((total, { counts }) => total + counts[count], 0);
    const skipped = results.filter(({ isSkipped }) => isSkipped).length;
    console.log(
      `\n${results.length - skipped} faults, ${skipped} skipped: ${sum('acknowledged')} acknowledged, ${sum('lost')} lost, ${sum('duplicated')} duplicated`,
    );
  } finally {
    if (isClean) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    else console.error(`The files of this run are kept in ${folder}.`);
  }
  return isClean ? 0 : 1;
}

const program = new Command('soak:processes')
  .description('Injects the faults of processes into a cluster of node processes under load, and counts what became of every message.')
  .option('--kills <count>', 'how often a node is killed by SIGKILL, each in turn', parseCount, 30)
  .option('--rate <count>', 'adds in a second', parseCount, 200)
  .option('--only <text>', 'only faults whose name contains this text')
  .action(async (options: Options) => {
    process.exitCode = await run(options);
  });

// A normal exit, which ends the processes and unmounts the small disk.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

await withoutStackTraces(() => program.parseAsync());
