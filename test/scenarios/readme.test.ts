import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { NodeProcesses } from './node-process.ts';
import { eventually } from './support.ts';

const root = resolve(import.meta.dirname, '../..');

/** The JavaScript of a page, block by block. */
const examplesOf = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code ?? '');

const built = (path: string): string => pathToFileURL(join(root, 'dist/src', path)).href;

/** The module, with the built package in place of the installed one. */
const withPackage = (code: string): string =>
  code
    .replace("from 'jobraft'", `from '${built('index.js')}'`)
    .replace("from 'jobraft/testing'", `from '${built('testing/index.js')}'`)
    .replace("from 'jobraft/remote'", `from '${built('remote/index.js')}'`);

function aFolderOf(files: Readonly<Record<string, string>>): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'jobraft-readme-'));
  for (const [name, code] of Object.entries(files)) writeFileSync(join(path, name), withPackage(code));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs a module in a folder of its own. @param signal ends it. */
async function run(code: string, signal: AbortSignal): Promise<{ readonly stdout: string; readonly stderr: string }> {
  using folder = aFolderOf({ 'example.mjs': code });
  return await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: folder.path, signal });
}

describe('the README', () => {
  it('has an example of two processes that runs unchanged', async ({ signal }) => {
    const [web = '', worker = ''] = examplesOf('README.md');
    using folder = aFolderOf({ 'web.mjs': web, 'worker.mjs': worker });
    const { path: cwd } = folder;
    const running = spawn(process.execPath, ['worker.mjs'], { cwd, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    let [done, errors] = ['', ''];
    running.stdout.on('data', (text) => {
      done += text;
    });
    running.stderr.on('data', (text) => {
      errors += text;
    });
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['web.mjs'], { cwd, signal });
    expect(stdout).toBe('job 1 is on disk on a majority of nodes\n');
    expect(stderr).toBe('');
    await eventually('the job is done', async () => done.includes('\n'));
    expect(done).toBe('sending welcome to ada@example.com, attempt 1, token 1\n');
    running.kill('SIGINT');
    expect(await once(running, 'exit')).toEqual([0, null]);
    expect(errors).toBe('');
  });

  it('has an example with nodes as processes that runs as it is, at other addresses', async ({ signal }) => {
    using folder = aFolderOf({});
    await using nodes = await NodeProcesses.start(folder.path);
    const code = examplesOf('README.md').find((example) => example.includes("'jobraft/remote'")) ?? '';
    const { stdout, stderr } = await run(code.replace(/\[('127[^\]]*)\]/, JSON.stringify(nodes.endpoints)), signal);
    expect(stdout).toBe('invoice 7 is sent\n');
    expect(stderr).toBe('');
  });

  it('shows how to test code that uses queues', async ({ signal }) => {
    const code = examplesOf('README.md').find((example) => example.includes("'jobraft/testing'")) ?? '';
    const { stdout, stderr } = await run(`${code}\nconsole.log('ended', sent.length);`, signal);
    expect(stdout).toBe('ended 2\n');
    expect(stderr).toBe('');
  });
});

describe('the guide to operations', () => {
  it('shows how to change the members of a cluster that runs', async ({ signal }) => {
    const change = examplesOf('docs/operations.md').find((code) => code.includes('changeMembers'));
    const begin = "import { startCluster } from 'jobraft';\nconst cluster = await startCluster({ nodes: 3, dataDir: './data' });\n";
    const { stdout, stderr } = await run(`${begin}${change ?? ''}\nawait cluster.close();\n`, signal);
    expect(stdout.replace(/\s+/g, ' ')).toContain('{ voters: [ 3, 4, 5, 6 ], learners: [], joining: [], leaving: [], isSettled: true }');
    expect(stderr).toBe('');
  });
});
