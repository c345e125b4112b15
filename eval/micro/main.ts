import '../../src/runtime/check.ts';

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { Bench } from 'tinybench';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { MICRO_HEADER, type MicroRow, microChart, parseMicroRows } from '../charts/micro-chart.ts';
import { writeChart } from '../charts/write-chart.ts';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { machineLine, recordEnvironment } from '../measuring/environment.ts';
import { addOutputFolders, type FolderOptions, type OutputFolders, outputFoldersOf } from '../measuring/output-folders.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { codecCases } from './codec-cases.ts';
import { followerCases, leaderCases, logCases } from './core-cases.ts';
import { frameCases } from './frame-cases.ts';
import type { MicroCase } from './micro-case.ts';
import { queueCases } from './queue-cases.ts';
import { storageCases } from './storage-cases.ts';

const WAITING_COUNTS = [100, 1_000, 10_000, 100_000, 1_000_000];
const ADD_COUNTS = [1, 10, 100, 1_000, 4_000];
const ENTRY_COUNTS = [1, 10, 100, 1_000];
const LOG_LENGTHS = [100, 1_000, 10_000, 100_000];
const NODE_COUNTS = [1, 3, 5, 7, 9, 11, 13];
const TIME_MS = 300;
const NANOSECONDS_PER_MS = 1e6;

/** Costs of single parts, without threads, so that a change of one part is measurable. */
async function measure({ out, plotsOut }: OutputFolders): Promise<void> {
  const results = ResultsFolder.open(out);
  const environment = recordEnvironment(results.path, results.environmentFile, new Date());
  const commit = currentCommit();
  console.log(machineLine(results.path));
  // Beside the results, not in the system's temporary folder: that may be in memory, and a commit there costs nothing.
  const folder = results.dataPath('micro');
  mkdirSync(folder, { recursive: true });
  try {
    using storage = openSqliteStorage({ file: join(folder, 'micro.db'), recordKinds: RECORD_KINDS, durability: 'full', newDiskId: 1 });
    storage.load();
    const rows: MicroRow[] = [];
    for (const one of allCases(storage)) {
      const { median, p99, samples } = await run(one);
      rows.push({
        operation: one.operation,
        name: one.name,
        size: one.size,
        sizeOf: one.sizeOf,
        median,
        p99,
        samples,
        commit,
        environment,
      });
      console.log(
        `${one.name.padEnd(26)}${one.size.toLocaleString('en').padStart(10)} ${one.sizeOf.padEnd(28)}${median.toFixed(0).padStart(10)} ns, p99 ${p99.toFixed(0)} ns`,
      );
    }
    const file = results.microFile;
    const text = stringify([MICRO_HEADER, ...rows.map(cellsOf)]);
    writeFileSync(file, text);
    // From the file alone, like every chart.
    const chart = await writeChart(microChart(parseMicroRows(text)), plotsOut);
    console.log(`Rows: ${file}\nChart: ${chart}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function* allCases(storage: Parameters<typeof storageCases>[0]): Generator<MicroCase> {
  yield* codecCases(ADD_COUNTS);
  yield* frameCases(ENTRY_COUNTS);
  yield* leaderCases(NODE_COUNTS);
  yield* followerCases(ENTRY_COUNTS);
  yield* logCases(LOG_LENGTHS);
  yield* storageCases(storage, ENTRY_COUNTS);
  yield* queueCases(WAITING_COUNTS);
}

const cellsOf = ({ operation, name, size, sizeOf, median, p99, samples, commit, environment }: MicroRow): (string | number)[] => [
  operation,
  name,
  size,
  sizeOf,
  median.toFixed(1),
  p99.toFixed(1),
  samples,
  commit,
  environment,
];

/** @returns nanoseconds for one operation. */
async function run(one: MicroCase): Promise<Pick<MicroRow, 'median' | 'p99' | 'samples'>> {
  const bench = new Bench({ time: TIME_MS, warmupTime: TIME_MS / 4 });
  bench.add(one.name, () => one.run(), {
    // Otherwise it is called once without the hooks, to determine whether it is asynchronous.
    async: false,
    beforeEach: () => one.before?.(),
    afterEach: () => one.after?.(),
  });
  const [task] = await bench.run();
  const result = task?.result;
  if (result === undefined || !('latency' in result)) throw new Error(`"${one.name}" could not be measured`, { cause: result });
  const { p50, p99, samplesCount } = result.latency;
  const perOperation = NANOSECONDS_PER_MS / one.operations;
  return { median: p50 * perOperation, p99: p99 * perOperation, samples: samplesCount };
}

const command = addOutputFolders(new Command('bench:micro'), 'where micro.csv goes')
  .description('Measures single parts: codec, core, log, commits, state machine.')
  .action((options: FolderOptions) => measure(outputFoldersOf(options)));

await withoutStackTraces(() => command.parseAsync());
