import { spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, UserError } from '../../measuring/user-error.ts';

const BUILD_MS_MAX = 600_000;
/** go test's own limit, which prints where every goroutine is; the process is killed a little later. */
const TEST_MINUTES_MAX = 15;
const TEST_MS_MAX = (TEST_MINUTES_MAX + 1) * 60_000;
const TAIL_BYTES = 65_536;

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
  const { code, output, error } = await run('go', ['test', '-c', '-o', binary, './raft'], {
    cwd: checkout,
    log: `${binary}.log`,
    signal,
    timeout: BUILD_MS_MAX,
  });
  if (error === 'ENOENT')
    throw new UserError('The command "go" was not found. Install Go 1.21 or later (Debian: golang-go) and a C compiler.');
  if (code !== 0 && !signal.aborted) throw new UserError(`The original does not build:\n${output.trim()}`);
}

/** Runs one of its tests in a process of its own. @param folder where it puts its databases. */
export async function runTest(binary: string, test: string, folder: string, signal: AbortSignal): Promise<TestOutcome> {
  const args = ['-test.v', '-test.run', `^${test}$`, '-test.timeout', `${TEST_MINUTES_MAX}m`];
  return outcomeOf(test, (await run(binary, args, { cwd: folder, log: `${binary}.log`, signal, timeout: TEST_MS_MAX })).output);
}

/** @param output of `go test -v`. */
export function outcomeOf(test: string, output: string): TestOutcome {
  const [, verdict, seconds] = new RegExp(`^--- (PASS|FAIL): ${test} \\((\\d+(?:\\.\\d+)?)s\\)`, 'm').exec(output) ?? [];
  return { isPassed: verdict === 'PASS', wallMs: seconds === undefined ? null : Math.round(Number(seconds) * 1000) };
}

/** The process's end. @property output the last part of what it wrote. */
interface Ended {
  readonly code: number | null;
  readonly output: string;
  /** Of a process that did not start. */
  readonly error: string | undefined;
}

/** Its output goes to a file: the original writes a line for each message between its nodes, some hundred megabytes for 2,000 jobs. */
async function run(
  command: string,
  args: readonly string[],
  { log, ...options }: { readonly cwd: string; readonly log: string; readonly signal: AbortSignal; readonly timeout: number },
): Promise<Ended> {
  const file = openSync(log, 'w+');
  try {
    const child = spawn(command, args, { ...options, stdio: ['ignore', file, file], killSignal: 'SIGKILL' });
    const ended = await new Promise<Omit<Ended, 'output'>>((resolve) => {
      child.once('error', (error) => resolve({ code: null, error: errorCode(error) }));
      child.once('close', (code) => resolve({ code, error: undefined }));
    });
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, tail, 0, tail.length, size - tail.length);
    return { ...ended, output: tail.toString() };
  } finally {
    closeSync(file);
    rmSync(log, { force: true });
  }
}
