import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ClusterOptions, JobraftError, startCluster } from 'jobraft';
import { describe, expect, it, onTestFinished } from 'vitest';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-start-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const failureOf = (options: ClusterOptions): Promise<unknown> =>
  startCluster(options).then(
    (cluster) => cluster.close(),
    (error: unknown) => error,
  );

const withData = (dataDir: string): ClusterOptions => ({ nodes: 1, dataDir });
const withLogs = (dir: string): ClusterOptions => ({ nodes: 1, storage: 'memory', logs: { dir } });

describe('a start that fails at a path reports the path, the remedy, and the outcome not-applied', () => {
  it.each<[string, (folder: string) => ClusterOptions, RegExp]>([
    ['the data folder is below a file', (folder) => withData(join(folder, 'file', 'data')), /^STORAGE_FAILED .*file.data.* Name a folder/],
    ['the data folder is a file', (folder) => withData(join(folder, 'file')), /^STORAGE_FAILED .*file cannot be written.* Name a folder/],
    [
      'the name of the data folder is too long',
      (folder) => withData(join(folder, 'x'.repeat(300))),
      /^STORAGE_FAILED .* name another dataDir/,
    ],
    [
      'the description of the cluster cannot be read',
      (folder) => {
        mkdirSync(join(folder, 'cluster.json'));
        return withData(folder);
      },
      /^STORAGE_FAILED The file .*cluster\.json cannot be read .* Make it a file that this user may read/,
    ],
    [
      "a file is in the place of a node's folder",
      (folder) => {
        writeFileSync(join(folder, 'node-1'), 'x');
        return withData(folder);
      },
      /^STORAGE_FAILED Node 1: .*node-1.* Check that the directory exists, that nothing else has this name/,
    ],
    [
      'a folder is in the place of a data file',
      (folder) => {
        mkdirSync(join(folder, 'node-1', 'jobraft.db'), { recursive: true });
        return withData(folder);
      },
      /^STORAGE_FAILED Node 1: .*jobraft\.db.* Check that the directory exists, that nothing else has this name/,
    ],
    ['the folder of the logs is below a file', (folder) => withLogs(join(folder, 'file', 'logs')), /^LOG_FILE .*file.logs.* Name a folder/],
    [
      'the folder of the logs is a file',
      (folder) => withLogs(join(folder, 'file')),
      /^LOG_FILE The log .*file cannot be opened: .* Name a folder/,
    ],
    [
      'a folder is in the place of a log',
      (folder) => {
        mkdirSync(join(folder, 'node-1.log'));
        return withLogs(folder);
      },
      /^LOG_FILE Node 1: The log .*node-1\.log cannot be opened: .* Name a folder/,
    ],
  ])('%s', async (_, optionsIn, message) => {
    const folder = aFolder();
    writeFileSync(join(folder, 'file'), 'x');
    const error = await failureOf(optionsIn(folder));
    expect(error).toBeInstanceOf(JobraftError);
    const { code, outcome, message: text } = error as JobraftError;
    expect(`${code} ${text}`).toMatch(message);
    expect(outcome).toBe('not-applied');
  });

  it.skipIf(process.platform === 'win32').each([
    ['data', 'STORAGE_FAILED', '{ nodes: 1, dataDir: folder }'],
    ['logs', 'LOG_FILE', "{ nodes: 1, storage: 'memory', logs: { dir: folder } }"],
  ])('the folder for the %s may not be written', (_, code, options) => {
    const folder = aFolder();
    chmodSync(folder, 0o555);
    // Root may write everywhere: its process continues as another user.
    const program = `
      const { startCluster, JobraftError } = await import(${JSON.stringify(resolve(import.meta.dirname, '../../dist/src/index.js'))});
      if (process.getuid() === 0) process.setuid(65534);
      const folder = ${JSON.stringify(join(folder, 'below'))};
      await startCluster(${options}).catch((error) =>
        console.log(error instanceof JobraftError, error.code, error.outcome, /EACCES.* Name a folder/.test(error.message)));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    expect(stdout).toBe(`true ${code} not-applied true\n`);
  });

  it('may be tried again when the path is free', async () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'node-1'), 'x');
    expect(await failureOf(withData(folder))).toMatchObject({ outcome: 'not-applied' });
    rmSync(join(folder, 'node-1'));
    expect(await failureOf(withData(folder))).toBeUndefined();
  });
});
