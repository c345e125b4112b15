import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = resolve(import.meta.dirname, '..');

// Two projects: `unit` imports the sources and runs in parallel; `scenarios` drives whole clusters from the built package, after the
// unit tests and no more than two at a time (they mostly wait), so that elections are not starved of processor time by other tests.
export default defineConfig({
  root,
  cacheDir: resolve(root, 'dist/.vitest'),
  test: {
    projects: [
      {
        root,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/scenarios/**'],
          // Ends what hangs; on a busy machine everything takes ten times as long.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // By default one processor is left for vitest itself, which has little to do.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        root,
        // The users' own import, answered by the built package.
        resolve: { alias: { jobraft: resolve(root, 'dist/src/index.js') } },
        test: {
          name: 'scenarios',
          include: ['test/scenarios/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
