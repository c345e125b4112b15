import '../../src/runtime/check.ts';

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { selectMeasures } from '../bench/all-measures.ts';
import { PROFILE_HEADER, type ProfileRow, parseProfileRows, profileChart } from '../charts/profile-chart.ts';
import { writeChart } from '../charts/write-chart.ts';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { machineLine, recordEnvironment } from '../measuring/environment.ts';
import { addOutputFolders, type FolderOptions, type OutputFolders, outputFoldersOf } from '../measuring/output-folders.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { UserError } from '../measuring/user-error.ts';
import { ACTIVITIES, parseCpuProfile, type ThreadTime, threadTimeOf } from './cpu-profile.ts';

interface Options extends FolderOptions {
  readonly only?: string;
}

/** Measures that are worth profiling: one cluster each, and no killed node, whose profile would be lost. */
const PROFILED = [
  'adds, many in flight',
  'adds in bulk',
  'adds, one at a time',
  'adds, open loop',
  'checkpoint latency',
  'add, claim, complete',
  'adds of 64 KiB',
  'adds of 1 MiB',
];
const WORKLOAD_FILE = resolve(import.meta.dirname, 'workload.js');
const MEASURE_MS_MAX = 120_000;

/** Profiles the threads during measures of the bench: V8's sampling profiler in every thread of a separate process. */
async function profile({ out, plotsOut }: OutputFolders, only: string | undefined): Promise<void> {
  const labels = selectMeasures(only)
    .map(({ label }) => label)
    .filter((label) => PROFILED.includes(label));
  if (labels.length === 0) throw new UserError(`Nothing to profile has "${only}" in its name. There are: ${PROFILED.join('; ')}.`);
  const results = ResultsFolder.open(out);
  const environment = recordEnvironment(results.path, results.environmentFile, new Date());
  const commit = currentCommit();
  console.log(machineLine(results.path));
  const rows: ProfileRow[] = [];
  // Beside the results, on the disk that the bench measures.
  const folder = results.dataPath('profile');
  mkdirSync(folder, { recursive: true });
  try {
    for (const label of labels) {
      for (const [thread, time] of await threadsOf(label, join(folder, 'run'))) {
        for (const activity of ACTIVITIES)
          rows.push({ measure: label, thread, activity, ms: time.ms.get(activity) ?? 0, commit, environment });
        console.log(`${label}, ${thread}: ${describe(time)}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const file = results.profileFile;
  const text = stringify([
    PROFILE_HEADER,
    ...rows.map((row) => [row.measure, row.thread, row.activity, row.ms.toFixed(1), commit, environment]),
  ]);
  writeFileSync(file, text);
  const chart = await writeChart(profileChart(parseProfileRows(text)), plotsOut);
  console.log(`Rows: ${file}\nChart: ${chart}`);
}

/** Runs a measure under the profiler. @returns its threads by name: the main thread, the leader, the followers. */
async function threadsOf(label: string, folder: string): Promise<readonly (readonly [string, ThreadTime])[]> {
  rmSync(folder, { recursive: true, force: true });
  const profiles = join(folder, 'profiles');
  mkdirSync(profiles, { recursive: true });
  const child = fork(WORKLOAD_FILE, [label, join(folder, 'data')], {
    execArgv: ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
    timeout: MEASURE_MS_MAX,
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`The measure "${label}" failed under the profiler, exit code ${code}.`);
  const threads = readdirSync(profiles).map((name) => ({
    isMain: /\.0\.\d+\.cpuprofile$/.test(name),
    time: threadTimeOf(parseCpuProfile(readFileSync(join(profiles, name), 'utf8'))),
  }));
  const nodes = threads.filter(({ isMain }) => !isMain).sort((a, b) => b.time.leadingMs - a.time.leadingMs);
  return [
    ...threads.filter(({ isMain }) => isMain).map(({ time }) => ['main thread', time] as const),
    ...nodes.map(({ time }, at) => [at === 0 ? 'leader' : `follower ${at}`, time] as const),
  ];
}

function describe({ ms }: ThreadTime): string {
  const total = [...ms.values()].reduce((sum, one) => sum + one, 0);
  return ACTIVITIES.flatMap((activity) => {
    const percent = Math.round((100 * (ms.get(activity) ?? 0)) / total);
    return percent === 0 ? [] : [`${activity} ${percent} %`];
  }).join('; ');
}

const command = addOutputFolders(new Command('bench:profile'), 'where profile.csv goes')
  .description("Shows where the threads' time goes while the bench measures.")
  .option('--only <text>', 'only what has this text in its name')
  .action((options: Options) => profile(outputFoldersOf(options), options.only));

await withoutStackTraces(() => command.parseAsync());
