import { SeededRandom } from '../../src/base/random.ts';
import type { SandboxJob } from '../../src/index.ts';
import { LEASE_MS, processAttempt } from './processing.ts';

/**
 * The processor of workers in a file. In addition to the other processors' work it blocks its thread, also for longer than a lease, and
 * ends it.
 */
export async function process(job: SandboxJob<string>): Promise<string> {
  const random = new SeededRandom(job.token ?? Number(job.id));
  if (random.nextUnit() < 0.005) globalThis.process.exit(1);
  if (random.nextUnit() < 0.01) Atomics.wait(NEVER_CHANGED, 0, 0, random.nextBetween(0.3, 1.2) * LEASE_MS);
  return processAttempt({ data: job.data, isRetry: job.attemptsMade > 0, random, finalError });
}

const NEVER_CHANGED = new Int32Array(new SharedArrayBuffer(4));

/** Recognised by its name, so that the thread need not import the whole package. */
const finalError = (message: string): Error => Object.assign(new Error(message), { name: 'UnrecoverableError' });
