import { Argument } from 'commander';
import { analyseLogs } from '../../logs/analysis.ts';
import { analysisText } from '../../logs/analysis-text.ts';
import type { CliCommand, Invocation } from '../command.ts';

export const logs: CliCommand = {
  name: 'logs',
  group: 'Cluster',
  summary: "Reads the logs of a run: its nodes, when each became leader, elections, and each node's RPCs.",
  arguments: [new Argument('<folder>', 'the folder with the files node-<n>.log')],
  options: [],
  json: 'document',
  examples: ['jobraft logs ./logs', 'jobraft logs ./logs --json'],
  async run({ args: [folder], output, isJson }: Invocation<readonly [folder: string]>) {
    const analysis = await analyseLogs(folder);
    if (isJson) output.document(analysis);
    else output.line(analysisText(analysis).trimEnd());
  },
};
