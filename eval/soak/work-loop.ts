import type { SeededRandom } from '../../src/base/random.ts';
import { type Client, UnrecoverableError, Worker } from '../../src/index.ts';
import type { JobAudit } from './job-audit.ts';
import { LEASE_MS, passMs, processAttempt } from './processing.ts';

export interface WorkLoopOptions {
  readonly queue: string;
  readonly client: Client;
  readonly audit: JobAudit;
  readonly random: SeededRandom;
  /** Whether the processor is in a file, and so in separate threads. */
  readonly isInFile: boolean;
  /** Jobs at a time; by default that of its kind of processor. */
  readonly concurrency?: number | undefined;
  readonly isOn: () => boolean;
}

interface WorkerKind {
  readonly concurrency: number;
  /** How long a worker lives before another replaces it. */
  readonly lifeMs: number;
}
const IN_FUNCTION: WorkerKind = { concurrency: 8, lifeMs: 2_500 };
/** Each worker starts new threads. */
const IN_FILE: WorkerKind = { concurrency: 2, lifeMs: 8_000 };
/** So large that killed processes and lost leases make no job a dead letter: only its processor does. */
const STALLED_MAX = 1_000_000;
const POLL_MS = 50;

/** One worker after the other. Each releases its jobs when it closes; processors in functions continue regardless. */
export async function workLoop(options: WorkLoopOptions): Promise<void> {
  const { queue, client, audit, random, isInFile, isOn } = options;
  const kind = isInFile ? IN_FILE : IN_FUNCTION;
  const { concurrency = kind.concurrency } = options;
  const file = new URL('./processor-file.js', import.meta.url);
  const finalError = (message: string): Error => new UnrecoverableError(message);
  const settings = { connection: client, concurrency, lockDuration: LEASE_MS, claimWaitMs: 500, maxStalledCount: STALLED_MAX };
  while (isOn()) {
    const worker = isInFile
      ? new Worker<string>(queue, file, settings)
      : new Worker<string>(
          queue,
          ({ data, attemptsMade }) => processAttempt({ data, isRetry: attemptsMade > 0, random, finalError }),
          settings,
        );
    // Calls fail under faults.
    worker.on('error', () => {});
    worker.on('failed', (job, error) => audit.onFailed(job, error));
    const untilMs = kind.lifeMs * random.nextBetween(0.5, 1.5);
    for (let livedMs = 0; isOn() && livedMs < untilMs; livedMs += POLL_MS) await passMs(POLL_MS);
    await worker.close(true);
  }
}
