import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from './source-file.ts';

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const manifest = JSON.parse(read('package.json'));

describe('the package', () => {
  it.each(['build', 'test', 'verify', 'fix', 'eval', 'eval:low', 'eval:high', 'eval:payload', 'plots', 'bench', 'logs'])(
    'has the script %s',
    (name) => expect(manifest.scripts).toHaveProperty(name),
  );

  it('depends on the packages of its design', () => {
    const packages = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(packages).toEqual(expect.arrayContaining(['piscina', 'better-sqlite3', 'tinybench', 'csv-stringify', 'vega-lite', 'vitest']));
  });

  it('is free software, and says so in a file', () => {
    expect(manifest.license).toBe('MIT');
    expect(read('LICENSE')).toMatch(/^MIT License\n\nCopyright \(c\) jobraft contributors\n/);
  });

  it('verifies without writing: nothing that a check runs repairs what it finds', () => {
    const run = (name: string): string =>
      `${manifest.scripts[name]} ${[...manifest.scripts[name].matchAll(/npm run --silent ([\w:-]+)/g)].map(([, inner]) => run(inner)).join(' ')}`;
    for (const part of ['tsc', 'biome check', 'knip', 'vitest run']) expect(run('verify')).toContain(part);
    expect(run('verify')).not.toMatch(/--write|--fix|--update|-u\b/);
  });

  it("is checked before a merge by the README's own test command", () => {
    expect(statSync(join(packageRoot, '.ci/run')).mode & 0o100).toBe(0o100);
    expect(read('.ci/run')).toMatch(/set -euo pipefail[\s\S]*\nnpm ci[\s\S]*npm test/);
  });
});
