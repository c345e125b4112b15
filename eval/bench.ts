import { join } from 'node:path';
import { Command } from 'commander';
import { addClusterOptions, clusterOverridesOf } from '../src/config/cluster-options.ts';
import { loadClusterConfig } from '../src/config/load-cluster-config.ts';
import { runBench } from './bench/run-bench.ts';
import { parseCount, withoutStackTraces } from './command-line.ts';
import { packageRoot } from './package-root.ts';

interface Options {
  readonly out: string;
  readonly rounds: number;
  readonly config?: string;
  readonly seed?: number;
}

const command = addClusterOptions(new Command('bench'))
  .description('Measures the numbers to reach beside what the machine itself takes.')
  .option('--out <folder>', 'where bench.csv goes', join(packageRoot(), 'results'))
  .option('--rounds <count>', 'how often everything is measured', parseCount, 5)
  .action(async (options: Options, self: Command) => {
    const config = loadClusterConfig(options.config, clusterOverridesOf(self));
    process.exitCode = await runBench({
      config,
      rounds: options.rounds,
      seed: options.seed ?? 1,
      out: options.out,
      print: (line) => console.log(line),
    });
  });

await withoutStackTraces(() => command.parseAsync());
