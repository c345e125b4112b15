import type { Job } from '../api/job.ts';

/**
 * Processes one job.
 * @param token the job's fencing token in decimal form, as `job.token` is a number. It grows with every claim: an external store that
 * keeps the largest token it has seen, and rejects smaller ones, is not written by a worker that lost its lease. Compare as numbers,
 * `Number(token)`, never as text.
 * @param signal aborted when the lease is lost, or the worker is closed by force: then the result no longer counts.
 * @returns the job's result. An error that it throws, or rejects with, fails the attempt.
 */
export type Processor<Data, Result> = (job: Job<Data, Result>, token: string, signal: AbortSignal) => Promise<Result> | Result;
