import '../../src/runtime/check.ts';

import { Command } from 'commander';
import { addClusterOptions, clusterOverridesOf } from '../../src/config/cluster-options.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../measuring/interruption.ts';
import { addResultsFolder, type FolderOptions, outputFoldersOf } from '../measuring/output-folders.ts';
import { UserError } from '../measuring/user-error.ts';
import { runAgainst } from './against.ts';
import { runBench } from './run-bench.ts';

interface Options extends FolderOptions {
  readonly rounds: number;
  readonly minutes: number;
  readonly only?: string;
  readonly long?: boolean;
  readonly compare?: string;
  readonly against?: string;
  readonly quick?: boolean;
  readonly config?: string;
  readonly seed?: number;
}

const MINUTE_MS = 60_000;

/** Of this command; all others are settings of a cluster. */
const OWN_OPTIONS: ReadonlySet<string> = new Set(['rounds', 'minutes', 'only', 'long', 'compare', 'against', 'quick', 'out', 'publish']);

/** The settings of a cluster as they were given. */
const settingsOf = (given: Command): string[] =>
  given.options.flatMap((option) => {
    const name = option.attributeName();
    if (OWN_OPTIONS.has(name) || given.getOptionValueSource(name) !== 'cli') return [];
    return [option.long ?? '', String(given.getOptionValue(name))];
  });

const command = addResultsFolder(addClusterOptions(new Command('bench')), 'where bench.csv goes')
  .description('Measures the figures that have goals, and the floor of the machine.')
  .option('--rounds <count>', 'rounds of all measures that are not measured once', parseCount, 5)
  .option('--minutes <count>', 'no further round begins if the session would take longer than this', parseCount, 25)
  .option('--only <text>', 'only measures whose name contains this text, and the floor')
  .option('--long', 'also measures that take minutes: the memory after 10 million full cycles; give it more --minutes')
  .option('--compare <file>', 'an earlier bench.csv: shows which figures got slower since its last session')
  .option('--against <folder>', 'another checkout, built: measures both builds pair by pair, and shows the ratios; nothing is kept')
  .option('--quick', 'with --against: four measures, one pair of each, some three minutes; unless --only or --rounds are given')
  .action(async (options: Options, self: Command) => {
    const config = loadClusterConfig(options.config, clusterOverridesOf(self));
    const { out } = outputFoldersOf(options);
    if (options.quick === true && options.against === undefined)
      throw new UserError('--quick compares two builds. Name the folder of the other one: --against <folder>.');
    if (options.against !== undefined) {
      const areRoundsGiven = self.getOptionValueSource('rounds') !== 'default';
      const isWhole = await runAgainst({
        ...{ against: options.against, only: options.only, quick: options.quick ?? false, out, settings: settingsOf(self) },
        rounds: options.quick === true && !areRoundsGiven ? 1 : options.rounds,
        print: (line) => console.log(line),
      });
      process.exitCode = isWhole ? 0 : INTERRUPTED_EXIT_CODE;
      return;
    }
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
