import '../../../src/runtime/check.ts';

import { resolve } from 'node:path';
import { Command } from 'commander';
import { addClusterOptions, clusterOverridesOf } from '../../../src/config/cluster-options.ts';
import { loadClusterConfig } from '../../../src/config/load-cluster-config.ts';
import { withoutStackTraces } from '../../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../../measuring/interruption.ts';
import { addResultsFolder, type FolderOptions, outputFoldersOf } from '../../measuring/output-folders.ts';
import { ResultsFolder } from '../../measuring/results-folder.ts';
import { questionFileOf } from '../question-file.ts';
import { runQuestions } from '../run-questions.ts';
import { originalQuestion } from './original.ts';

interface Options extends FolderOptions {
  readonly session?: string;
  readonly config?: string;
}

const print = (line: string): void => console.log(line);

const command = addResultsFolder(addClusterOptions(new Command('original'), { hasFolders: false }), 'where original.csv goes')
  .description('Measures the original, DistributedJobRaft, and jobraft with the same loop on this machine. It needs Go and a C compiler.')
  .argument('<checkout>', 'folder with a checkout of the original; nothing is written there')
  .option('--session <start time>', 'goes on with a session that was interrupted, as its first line named it')
  .action(async (checkout: string, options: Options, self: Command) => {
    const config = loadClusterConfig(options.config, clusterOverridesOf(self));
    const results = ResultsFolder.open(outputFoldersOf(options).out);
    const question = originalQuestion(resolve(checkout));
    const { isInterrupted } = await runQuestions({ questions: [question], config, seed: 1, results, session: options.session, print });
    print(`Rows: ${questionFileOf(results, question)}; "npm run plots -- --local" shows them in the report.`);
    process.exitCode = isInterrupted ? INTERRUPTED_EXIT_CODE : 0;
  });

await withoutStackTraces(() => command.parseAsync());
