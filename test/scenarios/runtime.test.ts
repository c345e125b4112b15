import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';

const built = (path: string): string => resolve(import.meta.dirname, '../../dist', path);

/** Runs before the program: sets another version of Node.js, and prints at the end how many modules of better-sqlite3 were loaded. */
const preload = (version: string): string =>
  `data:text/javascript,${encodeURIComponent(`
    import { createRequire } from 'node:module';
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });
    const { cache } = createRequire('file:///preload.js');
    process.on('exit', () => {
      // A named import is in the cache from the beginning, but is loaded only once it was evaluated.
      const loaded = Object.values(cache).filter((module) => module.loaded && module.filename.includes('better-sqlite3'));
      process.stderr.write('better-sqlite3: ' + loaded.length + ' modules');
    });
  `)}`;

async function run(version: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, ['--import', preload(version), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

const PROGRAMS = ['src/cli/main.js', 'src/sim/main.js', 'eval/main.js', 'eval/bench/main.js', 'eval/micro/main.js', 'eval/soak/main.js'];

describe('on a Node.js that is too old', () => {
  it.each(PROGRAMS)('dist/%s ends with one error about the version, before it loads better-sqlite3', async (path) => {
    const { code, stderr } = await run('20.20.2', built(path), '--help');
    expect(code).toBe(1);
    expect(stderr).toContain(
      'UnsupportedNodeError: jobraft needs Node.js 22 or later, and this is Node.js 20.20.2. Install a later version',
    );
    expect(stderr).toContain('better-sqlite3: 0 modules');
  });

  it('the import of the package rejects with a typed error, before it loads better-sqlite3', async () => {
    const program = `
      const error = await import(${JSON.stringify(built('src/index.js'))}).then(() => undefined, (reason) => reason);
      process.stderr.write(JSON.stringify({ name: error?.name, code: error?.code, outcome: error?.outcome }) + '\\n');
    `;
    const { code, stderr } = await run('20.20.2', '--input-type=module', '--eval', program);
    expect(stderr).toBe('{"name":"UnsupportedNodeError","code":"NODE_UNSUPPORTED","outcome":"not-applied"}\nbetter-sqlite3: 0 modules');
    expect(code).toBe(0);
  });
});

describe('on a Node.js that is new enough', () => {
  it.each(PROGRAMS)('dist/%s runs', async (path) => {
    const { code } = await run('22.0.0', built(path), '--help');
    expect(code).toBe(0);
  });

  it('a cluster that opens its files loads better-sqlite3', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'jobraft-runtime-'));
    onTestFinished(() => rm(dataDir, { recursive: true }));
    const program = `
      const { startCluster } = await import(${JSON.stringify(built('src/index.js'))});
      const cluster = await startCluster({ dataDir: ${JSON.stringify(dataDir)}, nodes: 1 });
      await cluster.close();
    `;
    const { code, stderr } = await run('22.0.0', '--input-type=module', '--eval', program);
    expect(stderr).toMatch(/better-sqlite3: [1-9]\d* modules/);
    expect(code).toBe(0);
  });

  it('CommonJS gets the package by require', async () => {
    const program = `process.stderr.write(typeof require(${JSON.stringify(built('src/index.js'))}).startCluster + '\\n')`;
    const { code, stderr } = await run('22.0.0', '--input-type=commonjs', '--eval', program);
    expect(stderr).toContain('function\n');
    expect(code).toBe(0);
  });
});
