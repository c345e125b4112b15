import type { z } from 'zod';
import { CLAIM_COUNT_MAX, DURATION_MS_MAX, RATE_MAX, STALLED_MAX, STALLED_MAX_DEFAULT } from '../../protocol/limits.ts';
import { OPTIONS_MISSING } from '../api/bullmq-names.ts';
import type { Client } from '../api/client.ts';
import { aConnection, CONNECTION_REMEDY } from '../api/connection-source.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { aBoolean, aValue, checkOptions, durationIn, integerIn, optionsOf } from '../option-check.ts';

export interface WorkerOptions {
  /** A cluster, or a Client that the caller creates and closes. */
  readonly connection: ClusterEndpoint | Client;
  /** Maximum number of jobs processed at the same time; 1. A processor in a file processes no more than it has `threads`. */
  readonly concurrency?: number;
  /** Duration of a job's lease without renewal, in milliseconds; a lease is extended every third of it; 30,000. */
  readonly lockDuration?: number;
  /**
   * How often a job may stall (be begun under a lease that expires before the attempt ends): the process was killed, its event loop was
   * blocked, or it could not reach the cluster. One more stall fails the job. An attempt that ends resets the count; 1.
   */
  readonly maxStalledCount?: number;
  /** Begin without a call of run(); true. */
  readonly autorun?: boolean;
  /** How long one claim waits at the cluster for a job; 5,000 ms. */
  readonly claimWaitMs?: number;
  /**
   * Maximum number of jobs that are claimed ahead, and only while jobs take less time than a claim: as many as are done while a claim is
   * in flight; four times `concurrency`. They are given back if the running jobs take longer than a claim after all.
   * Zero leaves every waiting job to other workers.
   */
  readonly prefetchMax?: number;
  /**
   * Workers of the queue, of all processes together, get at most `max` jobs of it within `duration` milliseconds, from the first of them on. The
   * limit of a worker that begins such a time holds for all workers until it ends, so give all the same. With
   * {@link Queue.setGlobalRateLimit} it has no effect. Default: none.
   */
  readonly limiter?: { readonly max: number; readonly duration: number };
  /** Maximum number of threads of a processor in a file, each with one job at a time; as many as `concurrency`, but at most 32. */
  readonly threads?: number;
}
export type WorkerConfig = Readonly<Required<Pick<WorkerOptions, 'maxStalledCount' | 'autorun' | 'claimWaitMs'>>> & {
  /** May change while the worker runs. */
  concurrency: number;
  /** Most threads of a processor in a file; Infinity for a function. */
  readonly threadsMax: number;
  /** Default: see {@link prefetchMaxOf}. */
  readonly prefetchMax: number | undefined;
  readonly leaseMs: number;
  readonly limiter: { readonly max: number; readonly durationMs: number } | undefined;
};

const PREFETCH_SHARE = 4;
const CONCURRENCY = integerIn(1, CLAIM_COUNT_MAX);

export const prefetchMaxOf = ({ prefetchMax, concurrency }: Pick<WorkerConfig, 'prefetchMax' | 'concurrency'>): number =>
  prefetchMax ?? Math.min(PREFETCH_SHARE * concurrency, CLAIM_COUNT_MAX);

/** At most as many as threads. @throws {InvalidOptionError} */
export function changeConcurrency(config: WorkerConfig, concurrency: number): void {
  checkOptions(CONCURRENCY, concurrency, ['concurrency']);
  config.concurrency = Math.min(concurrency, config.threadsMax);
}

const LIMITER = optionsOf({ max: integerIn(1, RATE_MAX), duration: durationIn(1, DURATION_MS_MAX) }, 'Give { max, duration }.');

const SCHEMA = optionsOf(
  {
    connection: aConnection,
    concurrency: CONCURRENCY.optional(),
    lockDuration: durationIn(10, 24 * 3_600_000).optional(),
    maxStalledCount: integerIn(0, STALLED_MAX).optional(),
    autorun: aBoolean.optional(),
    claimWaitMs: durationIn(1, 60_000).optional(),
    prefetchMax: integerIn(0, CLAIM_COUNT_MAX).optional(),
    limiter: LIMITER.optional(),
    threads: integerIn(1, 256).optional(),
  } satisfies Record<keyof WorkerOptions, z.ZodType>,
  CONNECTION_REMEDY,
  OPTIONS_MISSING.worker,
);

/** @throws {UnknownOptionError | InvalidOptionError} */
export function workerConfig(options: WorkerOptions): WorkerConfig {
  checkOptions(SCHEMA, options);
  const { limiter, prefetchMax, concurrency = 1, lockDuration: leaseMs = 30_000, autorun = true, claimWaitMs = 5_000 } = options;
  return {
    concurrency,
    threadsMax: Number.POSITIVE_INFINITY,
    prefetchMax,
    leaseMs,
    maxStalledCount: options.maxStalledCount ?? STALLED_MAX_DEFAULT,
    autorun,
    claimWaitMs,
    limiter: limiter && Object.freeze({ max: limiter.max, durationMs: limiter.duration }),
  };
}

const PROCESSOR = aValue(
  (value) => typeof value === 'function' || (typeof value === 'string' && value !== '') || value instanceof URL,
  'Give a function, or the path or URL of a file that exports one: new Worker(name, processor, { connection }).',
);

/** @throws {InvalidOptionError} */
export function checkProcessor(processor: unknown): void {
  checkOptions(PROCESSOR, processor, ['processor']);
}
