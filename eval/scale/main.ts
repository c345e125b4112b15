import '../../src/runtime/check.ts';

import { Command, InvalidArgumentError } from 'commander';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../measuring/interruption.ts';
import { addResultsFolder, type FolderOptions, outputFoldersOf } from '../measuring/output-folders.ts';
import { runScale } from './run-scale.ts';

interface Options extends FolderOptions {
  readonly only?: string;
  readonly share: number;
  readonly seed: number;
}

function parseShare(text: string): number {
  const share = Number(text);
  if (!(share > 0 && share <= 1)) throw new InvalidArgumentError('Give a number above 0, at most 1.');
  return share;
}

const command = addResultsFolder(new Command('bench:scale'), 'where scale.csv goes')
  .description('Measures large clusters, and much of everything in one: memory, time and rates, one round.')
  .option('--only <text>', 'only measures whose name contains this text')
  .option('--share <number>', 'of the numbers of jobs, commands, queues and workers', parseShare, 1)
  .option('--seed <number>', 'of election timeouts', parseCount, 1)
  .action(async ({ only, share, seed, ...folders }: Options) => {
    const { out } = outputFoldersOf(folders);
    const { file, isInterrupted } = await runScale({ out, only, share, seed, print: (line) => console.log(line) });
    console.log(`Rows: ${file}`);
    process.exitCode = isInterrupted ? INTERRUPTED_EXIT_CODE : 0;
  });

await withoutStackTraces(() => command.parseAsync());
