import { setTimeout as sleep } from 'node:timers/promises';
import { DUE_PER_ENTRY_MAX } from '../../protocol/limits.ts';
import type { HeldJob, OperationResult } from '../../protocol/reply.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { unexpectedResult } from '../result-errors.ts';

/** The lease to which others are shortened. */
const SHORT_LEASE_MS = 1;
/** How many are shortened at once: few enough that other requests hardly wait. */
const PIECE = 2_000;
/** Pause until the shortened leases are over. */
const PAUSE_MS = 5;

/**
 * Releases every lease of a process that is gone: begun jobs count a stall. One operation does so in one log entry, however many there are,
 * and delays everything else meanwhile. So beyond a bound leases are shortened first, and then expire like all leases, a bounded number in
 * each entry.
 * @throws {DeadlineError | NoLeaderError | ClientClosedError} some of them may be released.
 */
export async function releaseHolder(dispatcher: Dispatcher, holder: number): Promise<void> {
  for (;;) {
    const jobs = await heldJobs(dispatcher, holder, DUE_PER_ENTRY_MAX);
    if (jobs.length < DUE_PER_ENTRY_MAX) break;
    for (let at = 0; at < jobs.length; at += PIECE) {
      await Promise.all(jobs.slice(at, at + PIECE).map((job) => shorten(dispatcher, job)));
      await sleep(PAUSE_MS);
    }
  }
  const result = await resultOf((call) => {
    dispatcher.open(32).command('releaseHolder', { holder });
    dispatcher.commit(call);
  });
  if (!result.ok) throw unexpectedResult(result);
}

/** Whether this holder has leases. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
export async function holdsLeases(dispatcher: Dispatcher, holder: number): Promise<boolean> {
  return (await heldJobs(dispatcher, holder, 1)).length > 0;
}

async function heldJobs(dispatcher: Dispatcher, holder: number, countMax: number): Promise<readonly HeldJob[]> {
  const result = await resultOf((call) =>
    dispatcher.query('linearizable', (encoder) => encoder.command('heldJobs', { holder, countMax }), call),
  );
  if (!result.ok || result.type !== 'held') throw unexpectedResult(result);
  return result.jobs;
}

/** The outcome does not matter: an expired lease is the goal. */
async function shorten(dispatcher: Dispatcher, { id, token }: HeldJob): Promise<void> {
  await resultOf((call) => {
    dispatcher.open(32).command('extend', { jobId: id, token, leaseMs: SHORT_LEASE_MS });
    dispatcher.commit(call);
  });
}

function resultOf(
  issue: (call: { readonly onResult: (result: OperationResult) => void; readonly onError: (error: Error) => void }) => void,
): Promise<OperationResult> {
  return new Promise((resolve, reject) => issue({ onResult: resolve, onError: reject }));
}
