import { Argument } from 'commander';
import { analyseLogs, analyseMixedLogs } from '../../logs/analysis.ts';
import { analysisText } from '../../logs/analysis-text.ts';
import type { CliCommand, Invocation } from '../command.ts';

export const logs: CliCommand = {
  name: 'logs',
  group: 'Cluster',
  summary: "Reads the logs of a run: its nodes, when each became leader, elections, and each node's RPCs.",
  arguments: [
    new Argument(
      '<folder>',
      'the folder with the files node-<n>.log; or -, which reads the logs of several nodes, as of containers, from standard input',
    ),
  ],
  options: [],
  json: 'document',
  examples: ['jobraft logs ./logs', 'jobraft logs ./logs --json', 'docker-compose logs | jobraft logs -'],
  async run({ args: [folder], output, isJson, stdin }: Invocation<readonly [folder: string]>) {
    const analysis = folder === '-' ? await analyseMixedLogs(stdin()) : await analyseLogs(folder);
    if (isJson) output.document(analysis);
    else output.line(analysisText(analysis).trimEnd());
  },
};
