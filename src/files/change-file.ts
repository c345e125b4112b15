import { ConfigError } from '../base/errors.ts';
import { trySystemLock } from './system-lock.ts';

const WAIT_MS_MAX = 10_000;
const LOOK_EVERY_MS = 20;

/**
 * Runs a change of a file that is read, changed and replaced: one process after the other, so that none overwrites what another one has written
 * meanwhile. The lock is a file beside it, which stays; the system drops the lock itself with its process.
 * @throws {ConfigError} if another process changes the file for ten seconds, or if it cannot be locked; and what `change` throws.
 */
export function changeFile<Result>(path: string, change: () => Result): Result {
  using _lock = lockOf(path);
  return change();
}

/** @throws {ConfigError} */
function lockOf(path: string): Disposable {
  for (const untilMs = performance.now() + WAIT_MS_MAX; ; pause()) {
    const lock = tryLock(path);
    if (lock !== undefined) return lock;
    if (performance.now() > untilMs)
      throw new ConfigError('file', path, 'Another process changes it. Repeat the command once that has ended.');
  }
}

function tryLock(path: string): Disposable | undefined {
  try {
    return trySystemLock(`${path}.lock`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('file', path, `The file cannot be written (${reason}). Name one in a folder that this user may write.`);
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_EVERY_MS);
}
