import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import { Bench } from 'tinybench';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { withoutStackTraces } from '../command-line.ts';
import { recordEnvironment } from '../environment.ts';
import { packageRoot } from '../package-root.ts';
import { currentCommit } from '../provenance.ts';
import { ResultsFolder } from '../results-folder.ts';
import { coreCase, type MicroCase, queueCases, storageCases } from './cases.ts';

const WAITING_COUNTS = [100, 1_000, 10_000, 100_000, 1_000_000];
const ENTRY_COUNTS = [1, 10, 100, 1_000];
const TIME_MS = 500;
const NANOSECONDS_PER_MS = 1e6;

/** Costs of single parts, without threads: what a change of one of them does, before it drowns in everything else. */
async function measure(out: string): Promise<void> {
  const results = ResultsFolder.open(out);
  const environment = recordEnvironment(results.path, results.environmentFile, new Date());
  const commit = currentCommit();
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-micro-'));
  try {
    using storage = openSqliteStorage({ file: join(folder, 'micro.db'), recordKinds: RECORD_KINDS, durability: 'full', newDiskId: 1 });
    storage.load();
    const rows: (string | number)[][] = [];
    for (const one of [coreCase(), ...queueCases(WAITING_COUNTS), ...storageCases(storage, ENTRY_COUNTS)]) {
      const { median, p99, samples } = await run(one);
      rows.push([one.name, one.size, median.toFixed(0), p99.toFixed(0), samples, commit, environment]);
      console.log(
        `${one.name.padEnd(26)}${one.size.toLocaleString('en').padStart(10)}${median.toFixed(0).padStart(12)} ns, p99 ${p99.toFixed(0)} ns`,
      );
    }
    const header = ['case', 'size', 'median_ns_per_operation', 'p99_ns_per_operation', 'samples', 'commit', 'environment'];
    const file = join(results.path, 'micro.csv');
    writeFileSync(file, stringify([header, ...rows]));
    console.log(`Rows: ${file}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns nanoseconds for one operation. */
async function run(one: MicroCase): Promise<{ median: number; p99: number; samples: number }> {
  const bench = new Bench({ time: TIME_MS, warmupTime: TIME_MS / 5 });
  bench.add(one.name, () => one.run());
  const [task] = await bench.run();
  const result = task?.result;
  if (result === undefined || !('latency' in result)) throw new Error(`"${one.name}" could not be measured`);
  const { p50, p99, samplesCount } = result.latency;
  const perOperation = NANOSECONDS_PER_MS / one.operations;
  return { median: p50 * perOperation, p99: p99 * perOperation, samples: samplesCount };
}

const command = new Command('bench:micro')
  .description('Measures single parts: codec, core, state machine, commits.')
  .option('--out <folder>', 'where micro.csv goes', join(packageRoot(), 'results'))
  .action((options: { readonly out: string }) => measure(options.out));

await withoutStackTraces(() => command.parseAsync());
