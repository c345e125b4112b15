import '../../src/runtime/check.ts';

import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { packageRoot } from '../measuring/package-root.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { UserError } from '../measuring/user-error.ts';
import { writePageSection } from '../report/page-section.ts';
import { MutantBuild } from './build-mutant.ts';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';

interface Verdict {
  readonly mutant: Mutant;
  /** Undefined for a mutant that survived. */
  readonly invariant: string | undefined;
  readonly seeds: number;
  readonly simulatedSeconds: number;
  readonly wallSeconds: number;
}

/** Output of the simulator with `--json`. */
interface Report {
  readonly seeds: number;
  readonly simulatedHours: number;
  readonly wallMs: number;
  readonly violations: readonly { readonly seed: number; readonly invariant: string }[];
}

/** A run that takes longer is treated as endless. A busy machine is about ten times slower than an idle one. */
const wallMsMax = (seeds: number): number => 60_000 + 2_000 * seeds;

/** Half of the seeds are of small clusters, in which one false vote or acknowledgement is a majority, and half of larger ones. */
const CLUSTER_SIZES = [3, 5] as const;

async function judge(build: MutantBuild, mutant: Mutant, seedsMax: number, traces: readonly string[]): Promise<Verdict> {
  let verdict: Verdict = { mutant, invariant: undefined, seeds: 0, simulatedSeconds: 0, wallSeconds: 0 };
  for (const nodes of CLUSTER_SIZES) {
    const report = await runMutant(build, mutant, Math.ceil(seedsMax / CLUSTER_SIZES.length), nodes);
    const [violation] = report.violations;
    verdict = {
      mutant,
      invariant: violation?.invariant,
      seeds: verdict.seeds + report.seeds,
      simulatedSeconds: verdict.simulatedSeconds + Math.round(report.simulatedHours * 3_600),
      wallSeconds: verdict.wallSeconds + report.wallMs / 1_000,
    };
    if (violation === undefined) continue;
    await checkSource(build, violation.seed, nodes);
    return verdict;
  }
  // A case that seeds rarely reach: the shrunk trace of an earlier violation is one more run.
  for (const trace of traces) {
    const invariant = await replay(build, mutant, trace);
    if (invariant !== undefined) return { ...verdict, invariant: `${invariant} (${basename(trace, '.json')})` };
  }
  return verdict;
}

async function runMutant(build: MutantBuild, mutant: Mutant, seeds: number, nodes: number): Promise<Report> {
  using _applied = build.apply(mutant);
  return await run(build.simulator, seeds, ['--nodes', String(nodes)]);
}

/** Checks that the unchanged source passes the seed that killed the mutant. @throws {UserError} when it does not. */
async function checkSource(build: MutantBuild, seed: number, nodes: number): Promise<void> {
  if (seed === 0) return;
  const report = await run(build.simulator, 1, ['--from', String(seed), '--nodes', String(nodes)]);
  const [violation] = report.violations;
  if (violation === undefined) return;
  const again = `npm run sim -- --from ${seed} --seeds 1 --nodes ${nodes}`;
  throw new UserError(`The source itself breaks "${violation.invariant}" with this seed. Fix that first: ${again}.`);
}

/** @returns the violation of the mutant in a saved trace, which the source passes. */
function replay(build: MutantBuild, mutant: Mutant, trace: string): Promise<string | undefined> {
  const applied = build.apply(mutant);
  return new Promise((resolve) => {
    execFile(process.execPath, [build.simulator, '--replay', trace], { timeout: wallMsMax(1) }, (_error, stdout) => {
      applied[Symbol.dispose]();
      resolve(/ breaks "(.*)" after /.exec(stdout)?.[1]);
    });
  });
}

/** A mutant may be so broken that the run crashes or does not end, which kills it too. */
function run(simulator: string, seeds: number, options: readonly string[]): Promise<Report> {
  const args = [simulator, '--json', '--until-violation', '--no-double-run', '--no-shrink', '--seeds', String(seeds), ...options];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: wallMsMax(seeds), maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? '';
      if (line.startsWith('{')) resolve(JSON.parse(line) as Report);
      else {
        const reason =
          error?.killed === true ? 'the run does not end' : (stderr.split('\n').find((each) => each.includes('Error')) ?? 'the run ends');
        resolve({ seeds: 0, simulatedHours: 0, wallMs: 0, violations: [{ seed: 0, invariant: reason.trim().slice(0, 120) }] });
      }
    });
  });
}

async function main(): Promise<void> {
  const options = new Command('mutants')
    .description('Injects bugs into a copy of the source, one at a time, and shows that the simulator finds each.')
    .option('--seeds <n>', 'seeds that a mutant may survive', parseCount, 2_000)
    .option('--only <text>', 'only mutants whose name contains this')
    .parse(process.argv)
    .opts<{ seeds: number; only?: string }>();
  const root = packageRoot();
  const commit = currentCommit();
  using build = new MutantBuild(root);
  const traceFolder = join(root, 'test', 'sim', 'traces');
  const traces = readdirSync(traceFolder).map((name) => join(traceFolder, name));
  const verdicts: Verdict[] = [];
  for (const mutant of MUTANTS.filter(({ name }) => name.includes(options.only ?? ''))) {
    const verdict = await judge(build, mutant, options.seeds, traces);
    verdicts.push(verdict);
    const fate = verdict.invariant === undefined ? 'LIVES' : `killed by "${verdict.invariant}"`;
    console.log(
      `${String(mutant.mistake).padStart(2)}  ${mutant.name}: ${fate}, ${verdict.seeds} seeds, ${verdict.wallSeconds.toFixed(1)} s`,
    );
  }
  const alive = verdicts.filter(({ invariant }) => invariant === undefined).length;
  console.log(`${verdicts.length - alive} of ${verdicts.length} mutants killed`);
  if (alive > 0) process.exitCode = 1;
  if (options.only !== undefined) return;
  const rows = verdicts.map(({ mutant, invariant, seeds, simulatedSeconds, wallSeconds }) => ({
    mistake: mutant.mistake,
    mutant: mutant.name,
    file: `src/${mutant.file}`,
    killed_by: invariant ?? '',
    seeds,
    simulated_s: simulatedSeconds,
    wall_s: wallSeconds.toFixed(1),
    commit,
  }));
  writeFileSync(join(root, 'results', 'mutants.csv'), stringify(rows, { header: true }));
  showIn(join(root, 'test', 'README.md'), verdicts);
}

/** test/README.md shows the same table. */
function showIn(page: string, verdicts: readonly Verdict[]): void {
  const lines = verdicts.map(
    ({ mutant, invariant, seeds, simulatedSeconds }) =>
      `| ${mutant.mistake} | ${mutant.name} | ${invariant ?? 'lives'} | ${seeds} | ${simulatedSeconds} s |`,
  );
  const head = ['| mistake | mutant | killed by | seeds | simulated |', '| --- | --- | --- | --- | --- |'];
  writePageSection(page, 'mutants', [...head, ...lines].join('\n'));
}

await withoutStackTraces(main);
