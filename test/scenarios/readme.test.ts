import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

/** The JavaScript of a page, block by block. */
const examplesOf = (page: string): string[] =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code ?? '');

/** Runs a module in a folder of its own. @param signal ends it. */
async function run(code: string, signal: AbortSignal): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-readme-'));
  try {
    const built = (path: string) => pathToFileURL(join(root, 'dist/src', path)).href;
    const imports = code
      .replace("from 'jobraft'", `from '${built('index.js')}'`)
      .replace("from 'jobraft/testing'", `from '${built('testing/index.js')}'`);
    writeFileSync(join(folder, 'example.mjs'), imports);
    return await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: folder, signal });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the README', () => {
  it('has an example that runs unchanged', async ({ signal }) => {
    const { stdout, stderr } = await run(examplesOf('README.md')[0] ?? '', signal);
    expect(stdout).toMatch(/^job 1 is on disk on a majority\nsending welcome to ada@example\.com, attempt 1, token 1\n$/);
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
