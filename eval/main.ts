import '../src/runtime/check.ts';

import { Command } from 'commander';
import { addClusterOptions, clusterOverridesOf } from '../src/config/cluster-options.ts';
import { loadClusterConfig } from '../src/config/load-cluster-config.ts';
import { parseCount, withoutStackTraces } from './measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from './measuring/interruption.ts';
import { addOutputFolders, type FolderOptions, outputFoldersOf } from './measuring/output-folders.ts';
import { currentCommit } from './measuring/provenance.ts';
import { ResultsFolder } from './measuring/results-folder.ts';
import { UserError } from './measuring/user-error.ts';
import { jobraftTarget } from './replay/jobraft-target.ts';
import { measureScenarios, reportFaults } from './replay/measure-scenarios.ts';
import { RunFiles } from './replay/run-files.ts';
import type { Selection } from './replay/scenario.ts';
import { loadSettings, settingsHash } from './replay/settings.ts';
import { writePageTables } from './report/page-tables.ts';
import { rebuildPlots } from './report/rebuild-plots.ts';
import { terminalReport } from './report/terminal.ts';

const COMMANDS: readonly { readonly name: Selection; readonly summary: string; readonly paced: boolean }[] = [
  {
    name: 'all',
    summary:
      'low paced, low, high and payload as fast as possible, capacity in steady state; --paced replays all with the published pacing, and measures all sizes and latencies',
    paced: false,
  },
  { name: 'low', summary: '100 messages, paced as published and as fast as possible', paced: true },
  { name: 'high', summary: '2000 messages, paced as published and as fast as possible', paced: true },
  { name: 'payload', summary: 'payload sizes, paced as published and as fast as possible, then from 4 B to 1 MiB', paced: true },
];

interface Options extends FolderOptions {
  readonly settings?: string;
  readonly config?: string;
  readonly repetitions?: number;
  readonly seed?: number;
  readonly paced: boolean;
}

function program(): Command {
  const root = new Command('eval')
    .description('Measures jobraft and writes CSV, charts and reports.')
    .showHelpAfterError('--help lists the commands and their options.');
  for (const { name, summary, paced } of COMMANDS) {
    const command = addOutputFolders(root.command(name).description(summary), 'results: runs.csv, reports, raw samples');
    addClusterOptions(command, { hasFolders: false })
      .option('--settings <file>', 'what to measure (default: config/evaluation.yaml of the package)')
      .option('--repetitions <count>', 'of every run that is not paced (default: from the settings)', parseCount)
      .option('--paced', 'replay the published pacing too', paced)
      .option('--no-paced', 'only as fast as possible')
      .action(async (_options: unknown, self: Command) => {
        process.exitCode = await runEvaluation(name, self);
      });
  }
  root
    .command('plots')
    .description('rebuilds charts and reports from the CSV, and the charts of the benches from theirs: of the published evidence')
    .option('--local', 'of the runs on this machine, in place of the published ones')
    .option('--out <folder>', 'results: runs.csv, reports, raw samples')
    .option('--plots-out <folder>', 'charts: specs, SVG and PNG')
    .option('--settings <file>', 'charts and published figures (default: config/evaluation.yaml of the package)')
    .action(async (options: Options & { readonly local?: boolean }) => {
      const { out, plotsOut } = outputFoldersOf({ ...options, publish: options.local !== true });
      const results = ResultsFolder.at(out);
      const { report, page, charts } = await rebuildPlots(results, plotsOut, loadSettings(options.settings));
      const tables = writePageTables(results);
      console.log(`${charts.length} charts and the report:\n  ${[report, page, ...charts].join('\n  ')}`);
      if (tables.length > 0) console.log(`Tables of README.md and docs/performance.md: ${tables.join(', ')}`);
    });
  return root;
}

async function runEvaluation(selection: Selection, command: Command): Promise<number> {
  const options = command.opts<Options>();
  const settings = loadSettings(options.settings);
  const commit = currentCommit();
  if (options.publish === true) checkPublishable(selection, commit);
  const overrides = clusterOverridesOf(command);
  const config = loadClusterConfig(options.config, { ...settings.cluster, ...overrides });
  const { nodes, durability, storage, raft, limits } = config;
  const { out, plotsOut } = outputFoldersOf(options);
  const results = ResultsFolder.open(out);
  if (options.publish === true) RunFiles.removeFrom(results);
  const { rows, isInterrupted } = await measureScenarios({
    selection,
    paced: options.paced,
    settings,
    repetitions: options.repetitions,
    isPublished: options.publish === true,
    seed: options.seed ?? settings.seed,
    results,
    target: jobraftTarget(config),
    nodes: typeof nodes === 'number' ? nodes : nodes.length,
    durability: storage === 'memory' ? 'off' : durability,
    command: ['npm run', selection === 'all' ? 'eval' : `eval:${selection}`, ...commandLine(withoutFolders(process.argv.slice(3)))].join(
      ' ',
    ),
    commit,
    configHash: settingsHash(settings, { storage, raft, limits }),
    print,
  });
  const { content, report, page, charts } = await rebuildPlots(results, plotsOut, settings);
  print(terminalReport(content));
  print(`Rows:   ${results.runsFile}\nCharts: ${charts.join('\n        ')}\nReport: ${report}\n        ${page}`);
  return isInterrupted ? INTERRUPTED_EXIT_CODE : reportFaults(rows, print);
}

const print = (line: string): void => console.log(line);

/** Without the folders, which say nothing about what was measured. */
const withoutFolders = (args: readonly string[]): readonly string[] =>
  args.filter((arg, at) => !/^--(out|plots-out)(=|$)/.test(arg) && !/^--(out|plots-out)$/.test(args[at - 1] ?? ''));

const commandLine = (args: readonly string[]): readonly string[] => (args.length === 0 ? [] : ['--', ...args]);

/** The published evidence is one whole session of one commit. */
function checkPublishable(selection: Selection, commit: string): void {
  if (selection !== 'all')
    throw new UserError(
      `A part of the evaluation cannot be published: it would replace the whole. Use "npm run eval -- --paced --publish".`,
    );
  if (commit.endsWith('+dirty')) throw new UserError('The sources have changes that are not committed. Commit them, then publish.');
}

await withoutStackTraces(() => program().parseAsync());
