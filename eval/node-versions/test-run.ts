import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { environmentOf, type InstalledNode } from './install-node.ts';

const BUILD_MS_MAX = 600_000;
const TESTS_MS_MAX = 3_600_000;

/** The test results on one Node.js. */
export interface TestOutcome {
  readonly passed: number;
  readonly failed: number;
  readonly isSuccess: boolean;
}

/** The part of vitest's JSON report that is read here. */
const reportSchema = z.object({ success: z.boolean(), numPassedTests: z.number(), numFailedTests: z.number() });

/** @param report vitest's JSON report, or undefined when it wrote none. @param exitCode of vitest; null when it was ended. */
export function outcomeOf(report: string | undefined, exitCode: number | null): TestOutcome {
  const parsed = reportSchema.safeParse(report === undefined ? undefined : JSON.parse(report));
  const { success, numPassedTests: passed, numFailedTests } = parsed.data ?? { success: false, numPassedTests: 0, numFailedTests: 0 };
  const isSuccess = success && exitCode === 0 && passed > 0;
  // A file that does not load, or a run that broke off, has no failed test to count.
  return { passed, failed: isSuccess ? 0 : Math.max(1, numFailedTests), isSuccess };
}

export const outcomeLine = (version: string, { passed, failed }: TestOutcome, tookMs: number): string =>
  `Node.js ${version}: ${passed} passed, ${failed} failed (${Math.round(tookMs / 1000)} s)`;

/** Builds the package and runs its tests, both on `node`. @param files only tests in files whose path contains one of these; none: all. */
export async function runTests(node: InstalledNode, root: string, files: readonly string[]): Promise<TestOutcome> {
  const run = async (timeout: number, ...args: readonly string[]): Promise<number | null> => {
    const child = spawn(node.executable, args, { cwd: root, env: environmentOf(node.binFolder), stdio: 'inherit', timeout });
    const [code] = await once(child, 'exit');
    return code;
  };
  const modules = join(root, 'node_modules');
  const compile = [join(modules, 'typescript', 'bin', 'tsc'), '-p', 'config/tsconfig.build.json'];
  for (const step of [compile, ['config/remove-stale-outputs.js'], ['config/bundle-threads.js']]) {
    const built = await run(BUILD_MS_MAX, ...step);
    if (built !== 0) return outcomeOf(undefined, built);
  }
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-test-node-'));
  try {
    const report = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const vitest = join(modules, 'vitest', 'vitest.mjs');
    const code = await run(TESTS_MS_MAX, vitest, 'run', '--config', 'config/vitest.config.ts', ...reporters, ...files);
    return outcomeOf(readIfThere(report), code);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
