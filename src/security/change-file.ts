import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { ConfigError } from '../base/errors.ts';

const WAIT_MS_MAX = 10_000;
const LOOK_EVERY_MS = 20;

/**
 * Runs a change of a file that is read, changed and replaced: one process after the other, so that none overwrites what another one has written
 * meanwhile. A lock that a killed process has left is taken.
 * @throws {ConfigError} while another process changes the file, and what `change` throws.
 */
export function changeFile<Result>(path: string, change: () => Result): Result {
  const lock = `${path}.changing`;
  for (const untilMs = performance.now() + WAIT_MS_MAX; !isTaken(lock); pause()) {
    const holder = holderOf(lock);
    if (holder !== undefined && !isRunning(holder)) rmSync(lock, { force: true });
    else if (performance.now() > untilMs)
      throw new ConfigError(
        'file',
        path,
        `Another process changes it (${holder ?? 'unknown'}). Repeat the command once that has ended; if there is none, remove ${lock}.`,
      );
  }
  try {
    return change();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** @throws {ConfigError} when it cannot be written. */
function isTaken(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('file', lock, `The file cannot be written (${reason}). Name one in a folder that this user may write.`);
  }
}

/** The id of the process that has the lock; undefined while it is being written or removed. */
function holderOf(lock: string): number | undefined {
  try {
    const text = readFileSync(lock, 'utf8');
    return text === '' ? undefined : Number(text);
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_EVERY_MS);
}
