import { setTimeout as sleep } from 'node:timers/promises';
import { DUE_PER_ENTRY_MAX } from '../protocol/limits.ts';
import type { HeldJob, OperationResult } from '../protocol/reply.ts';
import type { Pipeline } from './pipeline.ts';
import { unexpectedResult } from './result-errors.ts';

/** To so little a lease is shortened. */
const SHORT_LEASE_MS = 1;
/** So many are shortened at once: little enough that other requests hardly wait. */
const PIECE = 2_000;
/** Until leases that were shortened are over. */
const PAUSE_MS = 5;

/**
 * Releases every lease of a process that is gone: begun jobs count a stall. One operation does so in one log entry, however many there are,
 * and holds everything else up meanwhile; so beyond a bound leases are shortened first, and then end as all leases do, a bounded number in
 * each entry.
 * @throws {DeadlineError | NoLeaderError | ClientClosedError} after which some of them may be released.
 */
export async function releaseHolder(pipeline: Pipeline, holder: number): Promise<void> {
  for (;;) {
    const jobs = await heldJobs(pipeline, holder);
    if (jobs.length < DUE_PER_ENTRY_MAX) break;
    for (let at = 0; at < jobs.length; at += PIECE) {
      await Promise.all(jobs.slice(at, at + PIECE).map((job) => shorten(pipeline, job)));
      await sleep(PAUSE_MS);
    }
  }
  const result = await answerOf((call) => {
    pipeline.open(32).releaseHolder(holder);
    pipeline.commit(call);
  });
  if (!result.ok) throw unexpectedResult(result);
}

async function heldJobs(pipeline: Pipeline, holder: number): Promise<readonly HeldJob[]> {
  const result = await answerOf((call) => pipeline.query('linearizable', (encoder) => encoder.heldJobs(holder, DUE_PER_ENTRY_MAX), call));
  if (!result.ok || result.type !== 'held') throw unexpectedResult(result);
  return result.jobs;
}

/** Its outcome does not matter: a lease that is over meanwhile is what is wanted. */
async function shorten(pipeline: Pipeline, { id, token }: HeldJob): Promise<void> {
  await answerOf((call) => {
    pipeline.open(32).extend(id, token, SHORT_LEASE_MS);
    pipeline.commit(call);
  });
}

function answerOf(
  issue: (call: { readonly onResult: (result: OperationResult) => void; readonly onError: (error: Error) => void }) => void,
): Promise<OperationResult> {
  return new Promise((resolve, reject) => issue({ onResult: resolve, onError: reject }));
}
