import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, UserError } from '../../measuring/user-error.ts';

const BUILD_MS_MAX = 600_000;
/** go test's own limit, which prints where every goroutine is; the process is killed a little later. */
const TEST_MINUTES_MAX = 15;
const TEST_MS_MAX = (TEST_MINUTES_MAX + 1) * 60_000;
const OUTPUT_BYTES_MAX = 256 * 2 ** 20;

export interface TestOutcome {
  readonly isPassed: boolean;
  /** As go prints it, the start and the end of the test included; `null` if it printed none. */
  readonly wallMs: number | null;
}

/**
 * Builds the tests of the original once, outside of its checkout.
 * @throws {UserError} when there is no Go, no such checkout, or it does not build.
 */
export async function buildTests(checkout: string, binary: string, signal: AbortSignal): Promise<void> {
  if (!existsSync(join(checkout, 'raft', 'evaluation_test.go')))
    throw new UserError(`${checkout} has no raft/evaluation_test.go. Name a checkout of the original, DistributedJobRaft.`);
  const { code, output, error } = await run('go', ['test', '-c', '-o', binary, './raft'], { cwd: checkout, signal, timeout: BUILD_MS_MAX });
  if (error === 'ENOENT')
    throw new UserError('The command "go" was not found. Install Go 1.21 or later (Debian: golang-go) and a C compiler.');
  if (code !== 0 && !signal.aborted) throw new UserError(`The original does not build:\n${output.trim()}`);
}

/** Runs one of its tests in a process of its own. @param folder where it puts its databases. */
export async function runTest(binary: string, test: string, folder: string, signal: AbortSignal): Promise<TestOutcome> {
  const args = ['-test.v', '-test.run', `^${test}$`, '-test.timeout', `${TEST_MINUTES_MAX}m`];
  return outcomeOf(test, (await run(binary, args, { cwd: folder, signal, timeout: TEST_MS_MAX })).output);
}

/** @param output of `go test -v`. */
export function outcomeOf(test: string, output: string): TestOutcome {
  const [, verdict, seconds] = new RegExp(`^--- (PASS|FAIL): ${test} \\((\\d+(?:\\.\\d+)?)s\\)`, 'm').exec(output) ?? [];
  return { isPassed: verdict === 'PASS', wallMs: seconds === undefined ? null : Math.round(Number(seconds) * 1000) };
}

interface Ended {
  readonly code: number;
  readonly output: string;
  /** Of a process that did not start. */
  readonly error: string | undefined;
}

const run = (
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly signal: AbortSignal; readonly timeout: number },
): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(command, args, { ...options, maxBuffer: OUTPUT_BYTES_MAX, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr, error: errorCode(error) });
    });
  });
