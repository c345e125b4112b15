import '../../src/runtime/check.ts';

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { textTable } from '../../src/base/text-table.ts';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { INTERRUPTED_EXIT_CODE } from '../measuring/interruption.ts';
import { packageRoot } from '../measuring/package-root.ts';
import { type Build, hashOf, hasServe, hasSharedFolders, parseCommit, Worktree } from './builds.ts';
import { FolderRun } from './folder-run.ts';
import { NodeRun } from './node-run.ts';
import { Processes } from './processes.ts';
import { type Run, STEP_HEADER } from './run.ts';

const HASH_CHARACTERS = 7;
const TERMINATED_EXIT_CODE = 143;

function runsOf(old: Build, latest: Build, processes: Processes, folder: string): Run[] {
  const inFolder = (name: string): string => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  };
  const runs: Run[] = [];
  if (hasServe(old))
    for (const [from, to] of [
      [old, latest],
      [latest, old],
    ] as const)
      for (const first of ['followers', 'leader'] as const)
        runs.push(new NodeRun({ from, to, first }, processes, inFolder(`${from.name}-${first}`)));
  else console.log('The old build has no "jobraft serve": nodes as processes are left out.');
  if (hasSharedFolders(old)) runs.push(new FolderRun(old, latest, processes, inFolder('shared')));
  else console.log('The old build has no openCluster(): the folder that processes share is left out.');
  return runs;
}

async function main(): Promise<void> {
  const command = new Command('test:upgrade')
    .description('Runs mixed clusters of a commit and of this build, under load, and checks that nothing acknowledged is lost.')
    .addArgument(new Argument('<commit>', 'the old build, such as 608fb38').argParser(parseCommit))
    .parse(process.argv);
  const [commit] = command.processedArgs as [string];
  const root = packageRoot();
  const hash = hashOf(commit, root);
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-upgrade-'));
  const processes = new Processes();
  let worktree: Worktree | undefined;
  // Also for Ctrl-C, so it is synchronous.
  process.once('exit', () => {
    processes.killAll();
    try {
      worktree?.remove();
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
  process.once('SIGINT', () => process.exit(INTERRUPTED_EXIT_CODE));
  process.once('SIGTERM', () => process.exit(TERMINATED_EXIT_CODE));
  worktree = new Worktree(root, hash, join(folder, 'build'));
  console.log(`old: ${hash.slice(0, HASH_CHARACTERS)}, built in ${worktree.path}; new: this build`);
  const old = await worktree.build(processes);
  const outcomes: string[] = [];
  for (const run of runsOf(old, { name: 'new', root }, processes, folder)) {
    console.log(`\n${run.name}`);
    await run.run();
    console.log(textTable(STEP_HEADER, run.rows));
    outcomes.push(run.outcome);
    if (run.isViolated) process.exitCode = 1;
  }
  console.log(`\n${outcomes.join('\n')}`);
  if (outcomes.length === 0) process.exitCode = 1;
}

await withoutStackTraces(main);
