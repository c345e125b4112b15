import type { SeededRandom } from '../../src/base/random.ts';

/** How long a worker holds a job without renewing its lease. */
export const LEASE_MS = 1_500;

/** Errors with which processors fail jobs. No other reason of a failed attempt is caused by a processor. */
const FAILURE = 'failed on purpose, try again';
export const FINAL_FAILURE = 'failed on purpose, for good';
/** The error of a job whose processor ended its thread. */
const THREAD_ENDED = /^The thread of the processor file .* ended while the job ran: /s;

/** Whether a processor of this program may have failed an attempt with this. */
export const isCausedByProcessor = (reason: string | undefined): boolean =>
  reason === FAILURE || reason === FINAL_FAILURE || (reason !== undefined && THREAD_ENDED.test(reason));

/** The result of every processor for a job with this data. */
export const resultOf = (data: string): string => `result of ${data}`;

export interface Attempt {
  /** The job's data. */
  readonly data: string;
  /** A job whose earlier attempt failed is held for long, so that a holder that lost it returns in that time. */
  readonly isRetry: boolean;
  readonly random: SeededRandom;
  /** An error after which the job is not tried again. */
  readonly finalError: (message: string) => Error;
}

/** The work of processors, in a function and in a file. @throws on purpose, sometimes. */
export async function processAttempt({ data, isRetry, random, finalError }: Attempt): Promise<string> {
  const happens = (probability: number): boolean => random.nextUnit() < probability;
  if (isRetry) await passMs(random.nextBetween(0.1, 0.8) * LEASE_MS);
  if (happens(0.02)) throw finalError(FINAL_FAILURE);
  if (happens(0.05)) throw new Error(FAILURE);
  if (happens(0.3)) await passMs(random.nextBetween(1, 30));
  if (happens(0.01)) await passMs(random.nextBetween(0.3, 1.2) * LEASE_MS);
  return resultOf(data);
}

export const passMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
