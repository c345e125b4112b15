import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { machineLine } from '../measuring/environment.ts';
import { listenForInterruption } from '../measuring/interruption.ts';
import { packageRoot } from '../measuring/package-root.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { UserError } from '../measuring/user-error.ts';
import { selectMeasures } from './all-measures.ts';
import { readLastSession } from './bench-file.ts';
import type { BenchFigure } from './figure.ts';
import { type Pair, pairedFigures, pairsTable } from './pairs.ts';

const ENTRY = join('dist', 'eval', 'bench', 'main.js');
/** Together less than two minutes a build: what most changes touch. */
const QUICK = ['adds, many in flight', 'adds, one at a time', 'add, claim, complete', 'adds of 64 KiB'];

export interface AgainstRequest {
  /** The folder of the other build. */
  readonly against: string;
  readonly rounds: number;
  /** As for the bench. */
  readonly only: string | undefined;
  /** Four measures, unless `only` says which. */
  readonly quick: boolean;
  readonly out: string;
  /** Arguments of each run: settings of the cluster. */
  readonly settings: readonly string[];
  readonly print: (line: string) => void;
}

interface Build {
  readonly name: string;
  readonly root: string;
}

/**
 * Measures two builds one after the other, each measure in a process of its own: a disturbance of the machine affects the two of a pair alike.
 * The build that goes first alternates.
 * @returns whether all pairs were measured. @throws {UserError}
 */
export async function runAgainst(request: AgainstRequest): Promise<boolean> {
  const { rounds, only, quick, print } = request;
  const own: Build = { name: 'this build', root: packageRoot() };
  const other: Build = { name: 'other build', root: resolve(request.against) };
  if (!existsSync(join(other.root, ENTRY)))
    throw new UserError(`${join(other.root, ENTRY)} does not exist. Name the folder of another checkout, and run "npm run build" in it.`);
  const labels = only === undefined && quick ? QUICK : selectMeasures(only).map(({ label }) => label);
  if (labels.length === 0) throw new UserError(`Nothing has "${only}" in its name.`);
  const results = ResultsFolder.open(request.out);
  const folder = results.dataPath('against');
  print(`${machineLine(results.path)}: ${own.root} against ${other.root}.`);
  using interruption = listenForInterruption(() => print('Interrupted: the pairs so far are shown.'));
  const pairs: Pair[] = [];
  try {
    for (let round = 1; round <= rounds; round += 1)
      for (const label of labels) {
        const measured = new Map<Build, readonly BenchFigure[]>();
        for (const build of round % 2 === 1 ? [other, own] : [own, other]) {
          if (interruption.signal.aborted) break;
          print(`${round}/${rounds} ${label}: ${build.name}`);
          measured.set(build, await measureOnce(build, label, { ...request, folder }));
        }
        const [mine, theirs] = [measured.get(own), measured.get(other)];
        if (!interruption.signal.aborted && mine !== undefined && theirs !== undefined) pairs.push({ own: mine, other: theirs });
      }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  print(`\n${pairsTable(pairedFigures(pairs))}\n`);
  return !interruption.signal.aborted;
}

/** @throws {UserError} if the build does not measure it. */
async function measureOnce(
  { name, root }: Build,
  label: string,
  { folder, settings }: Pick<AgainstRequest, 'settings'> & { readonly folder: string },
): Promise<readonly BenchFigure[]> {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  mkdirSync(folder, { recursive: true });
  const args = [join(root, ENTRY), '--only', label, '--rounds', '1', '--out', folder, ...settings];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-1_000);
  });
  const code = await new Promise<number | null>((ended, failed) => child.once('error', failed).once('close', ended));
  const file = ResultsFolder.at(folder).benchFile;
  if (code !== 0 || !existsSync(file)) throw new UserError(`The bench of ${name} (${root}) ended with ${code}: ${errors.trim()}`);
  return readLastSession(file).figures;
}
