import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot, readSources } from './source-file.ts';

const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));

describe('a build', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-build-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const write = (...paths: readonly string[]): void => {
    for (const path of paths) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), '');
    }
  };
  const built = (): readonly string[] =>
    readdirSync(join(folder, 'dist'), { recursive: true, withFileTypes: true })
      .map(({ parentPath, name }) => join(parentPath, name).slice(join(folder, 'dist/').length))
      .sort();

  it('removes what it wrote for a source that is gone, and its folder, and nothing else', () => {
    write('src/kept/a.ts', 'eval/b.ts');
    write('dist/src/kept/a.js', 'dist/src/kept/a.d.ts', 'dist/eval/b.js', 'dist/eval/b.d.ts');
    const kept = ['dist/eval/peers/other-build.js', 'dist/.vitest/cache.json', 'dist/build.tsbuildinfo', 'dist/src/kept/data.json'];
    write(...kept);
    const before = built();
    write('dist/src/kept/renamed.js', 'dist/src/kept/renamed.d.ts', 'dist/src/kept/renamed.js.map', 'dist/src/removed/deep/c.js');
    execFileSync(process.execPath, [join(packageRoot, 'config/remove-stale-outputs.js')], { cwd: folder });
    expect(built()).toEqual(before);
  });

  it('removes it before any test can run', () => {
    expect(manifest.scripts.build).toMatch(/^tsc .*&& node config\/remove-stale-outputs\.js && /);
    for (const name of ['test', 'verify']) expect(manifest.scripts[name]).toMatch(/^npm run --silent build && /);
    const sources = readSources('src', 'eval');
    const outputs = readdirSync(join(packageRoot, 'dist/src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.js'),
    );
    expect(outputs.length).toBeGreaterThan(100);
    expect(outputs.filter((path) => !sources.has(`src/${path.replace(/\.js$/, '.ts')}`))).toEqual([]);
  });
});
