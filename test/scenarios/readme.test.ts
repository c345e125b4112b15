import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code ?? '');

/** Runs a module in a folder of its own. */
async function run(code: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-readme-'));
  try {
    const built = (path: string) => pathToFileURL(join(root, 'dist/src', path)).href;
    const imports = code
      .replace("from 'jobraft'", `from '${built('index.js')}'`)
      .replace("from 'jobraft/testing'", `from '${built('testing/index.js')}'`);
    writeFileSync(join(folder, 'example.mjs'), imports);
    return await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: folder, timeout: 120_000 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the README', () => {
  it('has an example that runs unchanged', async () => {
    const { stdout, stderr } = await run(examples[0] ?? '');
    expect(stdout).toMatch(/^job 1 is on disk on a majority\nsending welcome to ada@example\.com, attempt 1, token 1\n$/);
    expect(stderr).toBe('');
  });

  it('shows how to change the members of a cluster that runs', async () => {
    const begin = "import { startCluster } from 'jobraft';\nconst cluster = await startCluster({ nodes: 3, dataDir: './data' });\n";
    const { stdout, stderr } = await run(`${begin}${examples[1] ?? ''}\nawait cluster.close();\n`);
    expect(stdout.replace(/\s+/g, ' ')).toContain('{ voters: [ 3, 4, 5, 6 ], learners: [], joining: [], leaving: [], isSettled: true }');
    expect(stderr).toBe('');
  });

  it('shows how to test code that uses queues', async () => {
    const code = examples.find((example) => example.includes("'jobraft/testing'")) ?? '';
    const { stdout, stderr } = await run(`${code}\nconsole.log('ended', sent.length);`);
    expect(stdout).toBe('ended 2\n');
    expect(stderr).toBe('');
  });
});
