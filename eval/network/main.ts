import '../../src/runtime/check.ts';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../measuring/interruption.ts';
import { endWithOutside, isInside, isolationHere, runInside } from './isolation.ts';
import { runAll } from './run.ts';

const TERMINATED_EXIT_CODE = 143;

interface Options {
  readonly short?: true;
  readonly folder?: string;
}

/** Outside: makes the namespaces and the folder, and removes them at the end, also of an interrupted run. */
async function runIsolated({ short }: Options): Promise<number> {
  const isolation = isolationHere();
  if (isolation.type === 'impossible') {
    console.log(`SKIPPED: the network tests, since ${isolation.reason}`);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-network-'));
  const interrupted = new AbortController();
  let code: number | undefined;
  process.once('SIGINT', () => interrupted.abort(INTERRUPTED_EXIT_CODE)).once('SIGTERM', () => interrupted.abort(TERMINATED_EXIT_CODE));
  try {
    const args = ['--folder', folder, ...(short === true ? ['--short'] : [])];
    code = await runInside(isolation.flags, fileURLToPath(import.meta.url), args, interrupted.signal);
    return interrupted.signal.aborted ? Number(interrupted.signal.reason) : code;
  } finally {
    if (code === 0 || interrupted.signal.aborted) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    else console.log(`The files of this run are kept in ${folder}.`);
  }
}

async function main(): Promise<void> {
  const options = new Command('test:network')
    .description('Runs five nodes in network namespaces of their own, cuts and slows their links, and checks what clients and nodes saw.')
    .option('--short', 'the form of .ci/run, less than two minutes')
    .option('--folder <folder>', 'of a run that this program starts inside its namespaces')
    .parse(process.argv)
    .opts<Options>();
  if (isInside()) {
    endWithOutside();
    // As the first process of its namespace it gets no signal that it does not handle.
    process.once('SIGINT', () => process.exit(INTERRUPTED_EXIT_CODE)).once('SIGTERM', () => process.exit(TERMINATED_EXIT_CODE));
    process.exit(await runAll({ folder: options.folder ?? tmpdir(), isShort: options.short === true }));
  }
  process.exitCode = await runIsolated(options);
}

await withoutStackTraces(main);
