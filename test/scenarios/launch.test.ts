import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it, onTestFinished } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const built = join(root, 'dist/src');

/** A program that starts a cluster, adds a job, and prints the outcome. */
const programFor = (entry: string): string => `
const { Queue, startCluster, JobraftError } = await import(${JSON.stringify(entry)});
try {
  const cluster = await startCluster({ nodes: 1, storage: 'memory' });
  const queue = new Queue('q', { connection: cluster });
  await queue.add('x', 1);
  await queue.close();
  await cluster.close();
  console.log('added');
} catch (error) {
  console.log(error instanceof JobraftError, error.code, error.message);
}`;

function outputOf(args: readonly string[], { input, env }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {}): string {
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', input: input ?? '', env: { ...process.env, ...env } });
  return `${stdout}${stderr}`.trim();
}

describe('a cluster starts in a program that node is given', () => {
  const program = programFor(join(built, 'index.js'));
  const asScript = `(async () => {${program}})()`;

  it.each<[string, readonly string[], { readonly input?: string; readonly env?: NodeJS.ProcessEnv }]>([
    ['with -e', ['-e', asScript], {}],
    ['with --input-type=module -e', ['--input-type=module', '-e', program], {}],
    ['with --input-type module --eval', ['--input-type', 'module', '--eval', program], {}],
    ['with --input-type=commonjs -e', ['--input-type=commonjs', '-e', asScript], {}],
    ['with NODE_OPTIONS', ['-e', program], { env: { NODE_OPTIONS: '--input-type=module' } }],
    ['through standard input', ['-'], { input: asScript }],
    ['through standard input, as a module', ['--input-type=module'], { input: program }],
    ['beside a limit of memory', ['--max-old-space-size=512', '--input-type=module', '-e', program], {}],
  ])('%s', (_, args, how) => expect(outputOf(args, how)).toBe('added'));

  it('with --print', () => expect(outputOf(['--input-type=commonjs', '--print', asScript]).split('\n')).toContain('added'));

  it('and preloads what --import names, in its threads too', () => {
    const folder = aFolder();
    const preload = join(folder, 'preload.mjs');
    writeFileSync(preload, "import { isMainThread } from 'node:worker_threads';\nif (!isMainThread) console.log('preloaded');\n");
    expect(outputOf([`--import=${preload}`, '--input-type=module', '-e', program])).toBe('preloaded\nadded');
  });
});

describe('a second process that opens the folder of an open cluster', () => {
  const openIn = (dataDir: string): string => {
    const second = programFor(join(built, 'index.js')).replace("{ nodes: 1, storage: 'memory' }", JSON.stringify({ nodes: 3, dataDir }));
    return outputOf(['--input-type=module', '-e', second]);
  };
  const IN_USE =
    /^true STORAGE_IN_USE The data folder .* is in use by another cluster.* Several processes share a cluster when all of them open it with openCluster/;

  it('is rejected since one process holds the cluster, and the first goes on', async () => {
    const dataDir = aFolder();
    await using cluster = await startCluster({ nodes: 3, dataDir });
    expect(openIn(dataDir)).toMatch(IN_USE);
    await using queue = new Queue('q', { connection: cluster });
    expect(Number((await queue.add('x', 1)).id)).toBeGreaterThan(0);
  });

  it('is rejected while all nodes are stopped, and the leases of the first stay', async () => {
    const dataDir = aFolder();
    await using cluster = await startCluster({ nodes: 3, dataDir });
    await using queue = new Queue('q', { connection: cluster });
    await queue.add('x', 1);
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<string>();
    await using worker = new Worker(
      'q',
      () => {
        begun.resolve();
        return end.promise;
      },
      { connection: cluster },
    );
    const completed = new Promise<unknown>((resolve) => worker.on('completed', (_, result) => resolve(result)));
    await begun.promise;
    await Promise.all([1, 2, 3].map((node) => cluster.stop(node)));
    const output = openIn(dataDir);
    await Promise.all([1, 2, 3].map((node) => cluster.restart(node)));
    end.resolve('done');
    expect(output).toMatch(IN_USE);
    expect(await completed).toBe('done');
    expect(await queue.getJob('1')).toMatchObject({ state: 'completed', attemptsMade: 1, stalledCounter: 0 });
  });

  it('is rejected also when all nodes of the cluster are absent, and opens the folder once the cluster is closed', async () => {
    const dataDir = aFolder();
    await using cluster = await startCluster({ nodes: 3, dataDir, absent: [1, 2, 3] });
    expect(openIn(dataDir)).toMatch(IN_USE);
    await cluster.close();
    expect(openIn(dataDir)).toBe('added');
  });
});

describe('a cluster whose threads find no code, as in a bundle, reports the remedy', () => {
  /** The built package with a change. */
  function aChangedPackage(change: (folder: string) => void): string {
    const folder = aFolder();
    cpSync(built, folder, { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    change(folder);
    return join(folder, 'index.js');
  }

  it.each<[string, (folder: string) => void, RegExp]>([
    ['their file is missing', (folder) => rmSync(join(folder, 'cluster/node-worker.js')), /node-worker\.js, does not exist\./],
    [
      'what it imports is missing',
      (folder) => rewrite(join(folder, 'cluster/node-worker.js'), /$/, "\nimport './no-such-module.js';"),
      /Cannot find module .*no-such-module\.js/,
    ],
    [
      'a package is missing',
      (folder) => rewrite(join(folder, 'cluster/node-worker.js'), /$/, "\nimport 'no-such-package';"),
      /Cannot find package 'no-such-package'/,
    ],
    [
      'the bundle knows no URL',
      (folder) => rewrite(join(folder, 'cluster/node-code.js'), 'import.meta.url', 'undefined'),
      /without "import\.meta\.url"/,
    ],
    [
      'the bundle is no file',
      (folder) => rewrite(join(folder, 'cluster/node-code.js'), 'import.meta.url', "'https://example.org/bundle.js'"),
      /is no file/,
    ],
  ])('when %s', (_, change, what) => {
    const output = outputOf(['--input-type=module', '-e', programFor(aChangedPackage(change))]);
    expect(output).toMatch(/^true NODE_CODE_MISSING The nodes cannot start: .*Mark "jobraft" as external in the bundler/);
    expect(output).toMatch(what);
  });

  it('and nothing else of the package needs it', () => {
    const entry = aChangedPackage((folder) => rewrite(join(folder, 'cluster/node-code.js'), 'import.meta.url', 'undefined'));
    expect(
      outputOf(['--input-type=module', '-e', `const { Queue } = await import(${JSON.stringify(entry)}); console.log(typeof Queue)`]),
    ).toBe('function');
  });
});

function rewrite(file: string, what: string | RegExp, by: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replace(what, by));
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-launch-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
