import '../../src/runtime/check.ts';

import { Command } from 'commander';
import { addClusterOptions, clusterOverridesOf } from '../../src/config/cluster-options.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';
import { drawQuestionCharts } from '../charts/question-charts.ts';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../measuring/interruption.ts';
import { addOutputFolders, type FolderOptions, outputFoldersOf } from '../measuring/output-folders.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { selectQuestions } from './all-questions.ts';
import { questionFileOf } from './question-file.ts';
import { runQuestions } from './run-questions.ts';

interface Options extends FolderOptions {
  readonly only?: string;
  readonly session?: string;
  readonly config?: string;
  readonly seed?: number;
}

const print = (line: string): void => console.log(line);

const command = addOutputFolders(addClusterOptions(new Command('questions'), { hasFolders: false }), 'where the CSVs of the questions go')
  .description('Measures what the questions of the report need, each into a CSV of its own.')
  .option('--only <text>', 'only questions whose id contains this text')
  .option('--session <start time>', 'goes on with a session that was interrupted, as its first line named it')
  .action(async (options: Options, self: Command) => {
    const config = loadClusterConfig(options.config, clusterOverridesOf(self));
    const { out, plotsOut } = outputFoldersOf(options);
    const results = ResultsFolder.open(out);
    const questions = selectQuestions(options.only);
    const { isInterrupted } = await runQuestions({ questions, config, seed: options.seed ?? 1, results, session: options.session, print });
    const charts = await drawQuestionCharts(results, plotsOut);
    print([...questions.map((of) => `Rows:  ${questionFileOf(results, of)}`), ...charts.map((path) => `Chart: ${path}`)].join('\n'));
    process.exitCode = isInterrupted ? INTERRUPTED_EXIT_CODE : 0;
  });

await withoutStackTraces(() => command.parseAsync());
