import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { RunFiles } from '../../eval/replay/run-files.ts';
import { RUN_HEADER } from '../../eval/replay/run-row.ts';
import { aFolder, aRow, aRunFiles } from './fixtures.ts';

describe('results/runs.csv', () => {
  it('has every column that the evaluation promises', () => {
    for (const promised of [
      'scenario',
      'run',
      'repetition',
      'seed',
      'started',
      'command',
      'commit',
      'config_hash',
      'environment',
      'transport',
      'nodes',
      'load_model',
      'clients',
      'offered_per_s',
      'delay_ms',
      'settle_ms',
      'messages',
      'payload_bytes',
      'durability',
      'wall_ms',
      'overhead_per_message_ms',
      'attempted',
      'acknowledged',
      'failed',
      'unknown',
      'completed',
      'lost',
      'duplicated',
      'changed',
      'drained',
      'fdatasync_p50_ms',
      'load_average',
      'steal_share',
      'other_cpu_share',
      'throughput_per_s',
      'latency_p50_ms',
      'latency_p90_ms',
      'latency_p99_ms',
      'latency_p999_ms',
      'latency_max_ms',
      'service_p50_ms',
      'service_p99_ms',
      'elections',
      'messages_by_rpc',
      'bytes_sent',
      'fsyncs',
      'cpu_ms',
      'rss_bytes',
      'valid',
      'reason',
    ]) {
      expect(RUN_HEADER).toContain(promised);
    }
  });

  it('gives back the rows that were written, empty cells and commas included', () => {
    const files = aRunFiles();
    const rows = [aRow(), aRow({ run: 'b', valid: false, reason: 'one, "two"\nthree', latency_p50_ms: 0.125, elections: 2 })];
    for (const row of rows) files.appendRow(row);
    expect(files.readRows()).toEqual(rows);
  });

  it('is continued by a later session under the same header', () => {
    const folder = aFolder();
    aRunFiles(folder).appendRow(aRow({ run: 'first' }));
    aRunFiles(folder).appendRow(aRow({ run: 'second' }));
    expect(
      RunFiles.at(ResultsFolder.at(folder))
        .readRows()
        .map(({ run }) => run),
    ).toEqual(['first', 'second']);
    expect(readFileSync(join(folder, 'runs.csv'), 'utf8').match(/^scenario,/gm)).toHaveLength(1);
  });

  it('of another version is not added to', () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'runs.csv'), 'scenario,run\nlow,a\n');
    expect(() => aRunFiles(folder)).toThrow(/has other columns.*--out/s);
  });

  it('with a damaged row names the row and the column', () => {
    const folder = aFolder();
    const files = aRunFiles(folder);
    files.appendRow(aRow());
    files.appendRow(aRow({ run: 'damaged' }));
    const text = readFileSync(files.file, 'utf8');
    writeFileSync(files.file, text.replace(/^(low,fast,[^,]+,damaged),1,/m, '$1,often,'));
    expect(() => files.readRows()).toThrow(/row 3: column "repetition" holds "often"/);
  });

  it('that does not exist says what to do', () => {
    expect(() => RunFiles.at(ResultsFolder.at(aFolder())).readRows()).toThrow(/Run "npm run eval" first/);
  });
});

describe('a results folder', () => {
  it('is cleared of the databases of a command that was killed, and of no other', () => {
    const folder = aFolder();
    const killed = spawnSync(process.execPath, ['--version']).pid;
    for (const name of [`run-data-${killed}`, `run-data-${process.pid}`, 'logs']) mkdirSync(join(folder, name));
    ResultsFolder.open(folder);
    expect(readdirSync(folder).sort()).toEqual(['logs', `run-data-${process.pid}`]);
  });
});

describe('a results folder that cannot be written', () => {
  it('is rejected before anything is measured', () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'a-file'), '');
    expect(() => ResultsFolder.open(join(folder, 'a-file', 'results'))).toThrow(/cannot be written \(ENOTDIR\).*--out/s);
  });
});
