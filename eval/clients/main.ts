import '../../src/runtime/check.ts';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { Processes } from '../upgrade/processes.ts';
import { run } from './run.ts';

const KILLS = 10;

async function main(): Promise<void> {
  const command = new Command('test:clients')
    .description(
      'Clients in Python and Go and a learner in Python, made from the .proto files alone, on a cluster whose leaders are killed.',
    )
    .option('--kills <count>', 'leaders that are killed', parseCount, KILLS)
    .option('--tls', 'with certificates: mutual TLS on all channels')
    .option('--keep', 'keeps the folder with the histories')
    .parse(process.argv);
  const { kills, keep = false, tls: isSecured = false } = command.opts<{ kills: number; keep?: boolean; tls?: boolean }>();
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-clients-'));
  const processes = new Processes();
  process.on('exit', () => processes.killAll());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  try {
    const startedMs = performance.now();
    const isPassed = await run({ folder, kills, isSecured }, processes);
    console.log(`${isPassed ? 'passed' : 'FAILED'} in ${((performance.now() - startedMs) / 1000).toFixed(0)} s`);
    process.exitCode = isPassed ? 0 : 1;
  } finally {
    processes.killAll();
    if (keep) console.log(folder);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

await withoutStackTraces(main);
