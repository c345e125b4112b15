import '../../src/runtime/check.ts';

import { Command } from 'commander';
import { addClusterOptions, clusterOverridesOf } from '../../src/config/cluster-options.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../measuring/interruption.ts';
import { addResultsFolder, type FolderOptions, outputFoldersOf } from '../measuring/output-folders.ts';
import { runBench } from './run-bench.ts';

interface Options extends FolderOptions {
  readonly rounds: number;
  readonly minutes: number;
  readonly only?: string;
  readonly long?: boolean;
  readonly compare?: string;
  readonly config?: string;
  readonly seed?: number;
}

const MINUTE_MS = 60_000;

const command = addResultsFolder(addClusterOptions(new Command('bench')), 'where bench.csv goes')
  .description('Measures the figures that have goals, and the floor of the machine.')
  .option('--rounds <count>', 'rounds of all measures that are not measured once', parseCount, 5)
  .option('--minutes <count>', 'no further round begins if the session would take longer than this', parseCount, 20)
  .option('--only <text>', 'only measures whose name contains this text, and the floor')
  .option('--long', 'also measures that take minutes: the memory after 10 million full cycles; give it more --minutes')
  .option('--compare <file>', 'an earlier bench.csv: shows which figures got slower since its last session')
  .action(async (options: Options, self: Command) => {
    const config = loadClusterConfig(options.config, clusterOverridesOf(self));
    const { out } = outputFoldersOf(options);
    const { file, isInterrupted } = await runBench({
      config,
      rounds: options.rounds,
      limitMs: options.minutes * MINUTE_MS,
      seed: options.seed ?? 1,
      out,
      only: options.only,
      long: options.long ?? false,
      compare: options.compare,
      print: (line) => console.log(line),
    });
    console.log(`Rows: ${file}`);
    process.exitCode = isInterrupted ? INTERRUPTED_EXIT_CODE : 0;
  });

await withoutStackTraces(() => command.parseAsync());
