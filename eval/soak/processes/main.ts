import '../../../src/runtime/check.ts';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseCount, withoutStackTraces } from '../../measuring/command-line.ts';
import { UserError } from '../../measuring/user-error.ts';
import { type ProcessFault, processFaults } from './faults.ts';
import { type FaultResult, runFaults } from './run-faults.ts';
import { sharedFaults } from './shared/shared-faults.ts';
import { SharedSubject } from './shared/shared-subject.ts';
import { Subject, type SubjectUnderLoad } from './subject.ts';

interface Options {
  readonly kills: number;
  readonly rate: number;
  readonly only?: string;
}

const NODES = 3;
const PROCESSES = 3;

/** A cluster of processes, and what it is put through. */
interface Soak {
  readonly description: string;
  readonly faults: readonly { readonly name: string }[];
  run(only: (name: string) => boolean, folder: string): Promise<readonly FaultResult[]>;
}

const soaks = ({ kills, rate }: Options): readonly Soak[] => [
  soakOf(`${NODES} node processes by gRPC`, processFaults(kills), (folder) => Subject.start(NODES, rate, folder)),
  soakOf(`${PROCESSES} processes that share a folder with ${NODES} nodes`, sharedFaults(kills), (folder) =>
    SharedSubject.start({ nodes: NODES, processes: PROCESSES, addsPerSecond: rate, dataDir: folder }),
  ),
];

const soakOf = <Of extends SubjectUnderLoad>(
  description: string,
  faults: readonly ProcessFault<Of>[],
  start: (folder: string) => Promise<Of>,
): Soak => ({
  description,
  faults,
  run: (only, folder) =>
    runFaults({ faults: faults.filter(({ name }) => only(name)), start: () => start(folder), print: (line) => console.log(line) }),
});

/** @returns the exit code. */
async function run(options: Options): Promise<number> {
  const { rate, only = '' } = options;
  const isMeant = (name: string): boolean => name.toLowerCase().includes(only.toLowerCase());
  const all = soaks(options);
  const meant = all.filter(({ faults }) => faults.some(({ name }) => isMeant(name)));
  if (meant.length === 0)
    throw new UserError(
      `No fault has "${only}" in its name. They are: ${all.flatMap(({ faults }) => faults.map(({ name }) => name)).join('; ')}.`,
    );
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-soak-'));
  const results: FaultResult[] = [];
  let isClean = false;
  try {
    for (const [at, soak] of meant.entries()) {
      console.log(`${soak.description}, ${rate} adds/s, Node.js ${process.version}, files in ${folder}`);
      results.push(...(await soak.run(isMeant, join(folder, String(at)))));
    }
    isClean = results.every(({ failures }) => failures.length === 0);
    console.log(`\n${describeTotals(results)}`);
  } finally {
    if (isClean) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    else console.error(`The files of this run are kept in ${folder}.`);
  }
  return isClean ? 0 : 1;
}

function describeTotals(results: readonly FaultResult[]): string {
  const sum = (count: 'acknowledged' | 'lost' | 'duplicated'): number => results.reduce((total, { counts }) => total + counts[count], 0);
  const skipped = results.filter(({ isSkipped }) => isSkipped).length;
  return `${results.length - skipped} faults, ${skipped} skipped: ${sum('acknowledged')} acknowledged, ${sum('lost')} lost, ${sum('duplicated')} duplicated`;
}

const program = new Command('soak:processes')
  .description(
    'Injects the faults of processes into node processes, and into processes that share a folder, under load, and counts what became of every message.',
  )
  .option('--kills <count>', 'how often a node or a host is killed by SIGKILL', parseCount, 30)
  .option('--rate <count>', 'adds in a second', parseCount, 200)
  .option('--only <text>', 'only faults whose name contains this text')
  .action(async (options: Options) => {
    process.exitCode = await run(options);
  });

// A normal exit, which ends the processes and unmounts the small disk.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

await withoutStackTraces(() => program.parseAsync());
