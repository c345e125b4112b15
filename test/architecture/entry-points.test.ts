import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf } from './imports.ts';
import { packageRoot, readSources } from './source-file.ts';

const { bin, exports, scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
const sources = readSources('src', 'eval');
const defaults = Object.values<{ readonly default: string }>(exports).map((conditions) => conditions.default);

/** The package's exports and command, and the entry points of its scripts. */
const entryPoints = [
  ...new Set(
    [...defaults, ...Object.values<string>(bin), ...Object.values<string>(scripts)].flatMap((text: string) =>
      [...text.matchAll(/\bdist\/(\S+)\.js\b/g)].map(([, path]) => `${path}.ts`),
    ),
  ),
];

describe('the entry points', () => {
  it('were found', () =>
    expect(entryPoints).toEqual(expect.arrayContaining(['src/index.ts', 'src/testing/index.ts', 'src/cli/main.ts', 'eval/main.ts'])));

  // Imports are evaluated in their order: after any other import the check would be too late.
  it.each(entryPoints)('%s checks the Node.js version before it imports anything else', (path) => {
    const [first] = importsOf(path, sources.get(path) ?? '');
    expect(first?.to).toBe('src/runtime/check.ts');
  });

  it('check it without importing anything that could fail first', () => {
    const check = 'src/runtime/check.ts';
    const reached = new Set([check]);
    for (const path of reached) for (const { to } of importsOf(path, sources.get(path) ?? '')) reached.add(to);
    expect([...reached]).toEqual([
      check,
      'src/runtime/node-version.ts',
      'src/base/errors.ts',
      'src/base/describe-value.ts',
      'src/base/missing-await.ts',
    ]);
  });
});
