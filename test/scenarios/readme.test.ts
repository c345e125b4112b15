import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

it('the example in the README runs as it stands', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const example = /```js\n(.*?)```/s.exec(readme)?.[1];
  if (example === undefined) throw new Error('the README has no example');
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-readme-'));
  try {
    const built = pathToFileURL(join(root, 'dist/src/index.js')).href;
    writeFileSync(join(folder, 'example.mjs'), example.replace("from 'jobraft'", `from '${built}'`));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: folder, timeout: 30_000 });
    expect(stdout).toMatch(/^job 1 is on disk on a majority\nsending welcome to ada@example\.com, attempt 1, token 1\n$/);
    expect(stderr).toBe('');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
