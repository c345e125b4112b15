import '../runtime/check.ts';

import { Command } from 'commander';
import { JobraftError } from '../base/errors.ts';
import { analyseLogs } from '../logs/analysis.ts';
import { analysisText } from '../logs/analysis-text.ts';

const command = new Command('logs')
  .description("Reads the logs of a run: its nodes, when each became leader, elections, and each node's RPCs.")
  .argument('<run directory>', 'the folder with the files node-<n>.log')
  .option('--json', 'print the analysis as JSON')
  .action(async (folder: string, options: { json?: boolean }) => {
    const analysis = await analyseLogs(folder);
    process.stdout.write(options.json === true ? `${JSON.stringify(analysis, undefined, 2)}\n` : analysisText(analysis));
  });

try {
  await command.parseAsync();
} catch (error) {
  // A user's mistake is reported by its message with the remedy; any other error keeps its stack trace.
  if (!(error instanceof JobraftError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
