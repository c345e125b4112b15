import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from './source-file.ts';

interface WorkflowJob {
  readonly steps: readonly { readonly run?: string; readonly uses?: string }[];
}

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

  it('is checked by a hosted CI: verify and a short simulation, and the tests on the other supported versions of Node.js', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml')) as { readonly jobs: Readonly<Record<string, WorkflowJob>> };
    const commandsOf = (name: string): string[] => (jobs[name]?.steps ?? []).flatMap(({ run }) => run ?? []);
    expect(commandsOf('verify')).toEqual(['npm ci', 'npm run verify', expect.stringMatching(/^npm run sim -- --seeds \d+ --nodes 5 /)]);
    expect(commandsOf('node-versions')).toEqual(['npm ci', expect.stringMatching(/^npm run test:node -- /)]);
    for (const { uses } of Object.values(jobs).flatMap(({ steps }) => steps))
      expect(uses ?? 'actions/x@v1').toMatch(/^actions\/[\w-]+@v\d+$/);
  });
});
