import { z } from 'zod';
import { DURATION_MS_MAX } from '../../protocol/limits.ts';
import { JobStateError } from '../errors.ts';
import { aBoolean, checkOptions, durationIn, integerIn, optionsOf } from '../option-check.ts';
import type { QueueCommands } from './job-commands.ts';
import { JobList, type ListedState } from './job-list.ts';
import { removeAllSchedulers } from './job-schedulers.ts';
import { NotSupportedError } from './not-supported.ts';

/** The states whose jobs `Queue.clean` removes. BullMQ calls waiting jobs 'wait', too. */
export type CleanedState = Exclude<ListedState, 'active' | 'waiting-children'> | 'wait';

/** The options of `Queue.obliterate`. */
export interface ObliterateOptions {
  /** Also jobs that workers have: their leases end, so that what they report is rejected. Default false. */
  readonly force?: boolean;
  /** How many jobs one request removes at most. Default 1000. */
  readonly count?: number;
}

/** The options of `Queue.retryJobs`. */
export interface RetryJobsOptions {
  /** How many jobs one request retries at most. Default 1000. */
  readonly count?: number;
  /** Only failed jobs can be retried. */
  readonly state?: 'failed';
  /** Only jobs that failed until then, in wall-clock milliseconds. Default: all that have failed by now. */
  readonly timestamp?: number;
}

/** The options of `Queue.promoteJobs`. */
export interface PromoteJobsOptions {
  /** How many jobs one request promotes at most. Default 1000. */
  readonly count?: number;
}

const COUNT = 1_000;
const COUNT_MAX = 10_000;
/** How many jobs may come before those that are listed, while they are, without one of them being left out. */
const COME_MEANWHILE_MAX = 1_000_000;
/** How far the clock of the client may be behind the cluster's, which decides, before `clean` leaves jobs that are old enough. */
const CLOCK_TOLERANCE_MS = 60_000;
const aCount = integerIn(1, COUNT_MAX).optional();

const CLEANED = ['completed', 'delayed', 'failed', 'wait', 'waiting'] as const satisfies readonly CleanedState[];
const GRACE = durationIn(0, DURATION_MS_MAX);
const LIMIT = integerIn(0, 2 ** 32 - 1);
const CLEANED_STATE = z.enum(CLEANED, {
  error: `Give ${CLEANED.map((state) => `'${state}'`).join(', ')}. Jobs that BullMQ calls 'prioritized' or 'paused' are 'waiting'; active ones cannot be removed.`,
});
const OBLITERATE = optionsOf({ force: aBoolean.optional(), count: aCount } satisfies Record<keyof ObliterateOptions, z.ZodType>);
const RETRY = optionsOf({
  count: aCount,
  state: z.unknown().optional(),
  timestamp: durationIn(0, Number.MAX_SAFE_INTEGER).optional(),
} satisfies Record<keyof RetryJobsOptions, z.ZodType>);
const PROMOTE = optionsOf({ count: aCount } satisfies Record<keyof PromoteJobsOptions, z.ZodType>);

/** @param wallMs the time by the client's clock. @returns the ids of the removed jobs. @throws {InvalidOptionError} */
export async function cleanJobs(
  commands: QueueCommands,
  graceMs: number,
  limit: number,
  type: CleanedState,
  wallMs: number,
): Promise<string[]> {
  checkOptions(GRACE, graceMs, ['grace']);
  checkOptions(LIMIT, limit, ['limit']);
  checkOptions(CLEANED_STATE, type, ['type']);
  const state = type === 'wait' ? 'waiting' : type;
  const countMax = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  const untilMs = graceMs === 0 ? undefined : wallMs - graceMs + CLOCK_TOLERANCE_MS;
  const removed: string[] = [];
  let youngInRow = 0;
  for await (const ids of pagesOf(commands, state)) {
    for (let at = 0; at < ids.length; ) {
      const part = ids.slice(at, at + Math.min(COUNT, countMax - removed.length));
      at += part.length;
      const old = untilMs === undefined ? part : await olderThan(commands, part, untilMs);
      const cleaned = (await Promise.all(old.map((id) => commands.clean(id, state, graceMs)))).filter((id) => id !== undefined);
      removed.push(...cleaned);
      youngInRow = cleaned.length === 0 ? youngInRow + part.length : 0;
      // Finished jobs are listed as they finished: those behind are younger still.
      if (removed.length >= countMax || (graceMs > 0 && isFinished(state) && youngInRow >= COUNT)) return removed;
    }
  }
  return removed;
}

/** Those of the jobs that were added, or finished if they are, until then: a command for each of the others would be written for nothing. */
async function olderThan(commands: QueueCommands, ids: readonly number[], untilMs: number): Promise<number[]> {
  const details = await Promise.all(ids.map((id) => commands.find(id, 'linearizable')));
  return details.flatMap((job) => (job !== undefined && (job.finishedMs ?? job.addedMs) <= untilMs ? [job.id] : []));
}

export async function drainJobs(commands: QueueCommands, isDelayedToo: boolean): Promise<void> {
  checkOptions(aBoolean, isDelayedToo, ['delayed']);
  // Delayed ones first: those whose delay ends meanwhile wait then.
  if (isDelayedToo) await removeAll(commands, 'delayed', COUNT);
  await removeAll(commands, 'waiting', COUNT);
}

/** What a queue does to be obliterated. */
interface PausableQueue {
  pause(): Promise<void>;
  resume(): Promise<void>;
  getGlobalConcurrency(): Promise<number | null>;
  removeGlobalConcurrency(): Promise<void>;
  getGlobalRateLimit(): Promise<object | null>;
  removeGlobalRateLimit(): Promise<void>;
  removeRateLimitKey(): Promise<void>;
}

/** @throws {JobStateError} if workers have some of the jobs, unless `force` is set; nothing was removed. */
export async function obliterateJobs(queue: PausableQueue, commands: QueueCommands, options: ObliterateOptions): Promise<void> {
  checkOptions(OBLITERATE, options);
  const { force = false, count = COUNT } = options;
  if (!force) await checkNoneActive(commands);
  await queue.pause();
  try {
    if (!force) await checkNoneActive(commands);
  } catch (error) {
    // A worker got a job since the first check: the queue was not paused then, whatever an overlapping call made of it since.
    if (error instanceof JobStateError) await queue.resume();
    throw error;
  }
  await removeAllSchedulers(commands);
  await changeAll(commands, 'active', count, (id) => commands.endLease(id));
  // Those that wait for children first, or the removal of their children would let them go on.
  await changeAll(commands, 'waiting-children', count, (id) =>
    commands.tried((encoder) => encoder.command('removeAlone', { queue: commands.queue, jobId: id })),
  );
  // In this order, as jobs of a state may go on to a later one meanwhile: leases end, delays end, and what a worker reports is finished.
  for (const state of ['delayed', 'waiting', 'failed', 'completed'] as const) await removeAll(commands, state, count);
  await removeLimits(queue, commands);
  await queue.resume();
}

/** Only those that there are: a cluster with members of an earlier release has no limits, and rejects to set one. */
async function removeLimits(queue: PausableQueue, commands: QueueCommands): Promise<void> {
  if ((await queue.getGlobalConcurrency()) !== null) await queue.removeGlobalConcurrency();
  if ((await queue.getGlobalRateLimit()) !== null) await queue.removeGlobalRateLimit();
  if (await commands.isTimed()) await queue.removeRateLimitKey();
}

/** @throws {JobStateError} */
async function checkNoneActive(commands: QueueCommands): Promise<void> {
  const { active } = await commands.counts('linearizable');
  if (active === 0) return;
  throw new JobStateError(
    `The queue ${commands.queue} has ${active} active jobs: wait until they are finished, or set "force", which ends their leases.`,
  );
}

/** @throws {NotSupportedError} for jobs that did not fail. @throws {UnknownOptionError | InvalidOptionError} */
export async function retryJobs(commands: QueueCommands, options: RetryJobsOptions): Promise<void> {
  checkOptions(RETRY, options);
  const { queue } = commands;
  const { count = COUNT, state = 'failed', timestamp } = options;
  if (state !== 'failed')
    throw new NotSupportedError(`Queue.retryJobs({ state: '${String(state)}' })`, 'Only failed jobs can be retried; add the others again.');
  await changeAll(commands, 'failed', count, async (id) => {
    const finishedOn = timestamp === undefined ? 0 : (await commands.find(id, 'linearizable'))?.finishedMs;
    if (finishedOn === undefined || finishedOn > (timestamp ?? 0)) return;
    await commands.tried((encoder) => encoder.command('retry', { queue, jobId: id }));
  });
}

/** @throws {UnknownOptionError | InvalidOptionError} */
export async function promoteJobs(commands: QueueCommands, options: PromoteJobsOptions): Promise<void> {
  checkOptions(PROMOTE, options);
  const { queue } = commands;
  const { count = COUNT } = options;
  await changeAll(commands, 'delayed', count, (id) => commands.tried((encoder) => encoder.command('promote', { queue, jobId: id })));
}

const removeAll = (
  commands: QueueCommands,
  state: Exclude<ListedState, 'active' | 'waiting-children'>,
  perRequest: number,
): Promise<void> => changeAll(commands, state, perRequest, (id) => commands.clean(id, state, 0));

/**
 * Changes the jobs that are in this state now, each once: all ids are read before the first change. Jobs that leave the state meanwhile are
 * skipped.
 * @param perRequest how many calls of `change` are made at once, which are one request.
 */
async function changeAll(
  commands: QueueCommands,
  state: ListedState,
  perRequest: number,
  change: (id: number) => Promise<unknown>,
): Promise<void> {
  const all: number[] = [];
  for await (const ids of pagesOf(commands, state)) for (const id of ids) all.push(id);
  for (let at = 0; at < all.length; at += perRequest) await Promise.all(all.slice(at, at + perRequest).map(change));
}

const isFinished = (state: ListedState): boolean => state === 'completed' || state === 'failed';

/**
 * The ids of the jobs that are in this state now. Those that come into it meanwhile may be among them: without a bound the listing might not
 * end while jobs are added.
 */
async function* pagesOf(commands: QueueCommands, state: ListedState): AsyncGenerator<readonly number[]> {
  const { [state]: present } = await commands.counts('linearizable');
  if (present === 0) return;
  // Jobs finish behind those that are there. Into the other orders others may come before them, also between the count and the first page.
  const end = (isFinished(state) ? present : 2 * present + COME_MEANWHILE_MAX) - 1;
  yield* new JobList(commands, state, { end, asc: true }).ids();
}
