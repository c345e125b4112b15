import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = resolve(import.meta.dirname, '..');

/** Tests that leave no spies, timers or module state behind. */
const PURE = [
  'base',
  'config',
  'queue',
  'raft',
  'history',
  'transport',
  'protocol',
  'golden',
  'eval',
  'architecture',
  'node',
  'sim',
  'logs',
  'storage',
  'cli',
  'testing',
  'typings',
  'runtime',
].map((folder) => `test/${folder}/**/*.test.ts`);

/** Options of the tests that import the sources. */
const UNIT = {
  // Ends tests that hang; on a busy machine everything takes ten times as long.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // By default one processor is left for vitest itself, which needs little.
  maxWorkers: '100%',
};

// Three projects, one after the other: `pure` and `unit` import the sources. Files of `pure` share a process and its modules, which halves
// their time; files of `unit` have a process each. `scenarios` drives whole clusters from the built package, no more than three at a time
// (they wait half of the time), so that elections are not starved of processor time by other tests.
export default defineConfig({
  root,
  cacheDir: resolve(root, 'dist/.vitest'),
  test: {
    projects: [
      { root, test: { ...UNIT, name: 'pure', include: PURE, isolate: false, sequence: { groupOrder: 0 } } },
      {
        root,
        test: {
          ...UNIT,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...PURE, 'test/scenarios/**'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        root,
        // The users' imports, resolved to the built package.
        resolve: {
          alias: [
            { find: /^jobraft$/, replacement: resolve(root, 'dist/src/index.js') },
            { find: /^jobraft\/(remote|server|testing)$/, replacement: resolve(root, 'dist/src/$1/index.js') },
          ],
        },
        test: {
          name: 'scenarios',
          include: ['test/scenarios/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 3,
          // Node loads the built package itself: it needs no transformation.
          server: { deps: { external: [/\/dist\/src\//] } },
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
