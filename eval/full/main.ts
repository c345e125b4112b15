import '../../src/runtime/check.ts';

import { join } from 'node:path';
import { Command } from 'commander';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../measuring/interruption.ts';
import { addOutputFolders, type FolderOptions, outputFoldersOf } from '../measuring/output-folders.ts';
import { packageRoot } from '../measuring/package-root.ts';
import { openProgress } from '../measuring/progress.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { UserError } from '../measuring/user-error.ts';
import { fullPlan } from './full-plan.ts';
import { keepSessionsSince } from './keep-session.ts';
import { runFull } from './run-full.ts';
import { runStep } from './run-step.ts';
import { SessionFile, sessionToRun } from './session-file.ts';

interface Options extends FolderOptions {
  readonly new?: boolean;
}

const print = (line: string): void => console.log(line);

async function main(options: Options): Promise<void> {
  const commit = currentCommit();
  if (options.publish === true && commit.endsWith('+dirty'))
    throw new UserError('The sources have changes that are not committed. Commit them, then publish.');
  const { out, plotsOut } = outputFoldersOf(options);
  const results = ResultsFolder.open(out);
  const file = new SessionFile(results.path);
  const steps = fullPlan('').map(({ name }) => name);
  const last = options.new === true ? undefined : file.read();
  const session = sessionToRun(last, { commit, steps, now: new Date() });
  file.write(session);
  const folders = [...(options.publish === true ? ['--publish'] : []), '--out', results.path];
  const { isInterrupted } = await runFull({
    session,
    file,
    steps: fullPlan(session.session),
    folders,
    plots: ['--plots-out', plotsOut],
    print,
    openProgress,
  });
  if (isInterrupted) {
    process.exitCode = INTERRUPTED_EXIT_CODE;
    return;
  }
  for (const csv of [results.benchFile, results.peersFile]) keepSessionsSince(csv, session.session);
  const plots = [join(packageRoot(), 'dist', 'eval', 'main.js'), 'plots', '--out', results.path, '--plots-out', plotsOut];
  process.exitCode = await runStep(plots, new AbortController().signal, print);
}

const command = addOutputFolders(new Command('full'), 'every CSV, the samples, reports, and session.json')
  .description('Measures everything that the report shows, in one session of one commit, and goes on where it was interrupted.')
  .option('--new', 'begins a new session, although the last one is not complete')
  .action((options: Options) => main(options));

await withoutStackTraces(() => command.parseAsync());
