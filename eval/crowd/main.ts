import '../../src/runtime/check.ts';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { type CrowdSettings, measureBesideCrowd } from './crowd-measure.ts';

await withoutStackTraces(async () => {
  const command = new Command('bench:crowd')
    .description('Measures a well-behaved client of three nodes, alone and beside many that misbehave.')
    .option('--clients <count>', 'misbehaving clients', parseCount, 1_000)
    .option('--seconds <count>', 'of each of the two measurements', parseCount, 30)
    .option('--rate <count>', 'adds in a second, below the bound of 500', parseCount, 100)
    .parse(process.argv);
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-crowd-'));
  try {
    await measureBesideCrowd(command.opts<CrowdSettings>(), folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
