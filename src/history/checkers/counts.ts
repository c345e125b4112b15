import { type HistoryOperation, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { countBelow } from './count-below.ts';
import { isInFlow } from './job-history.ts';
import { upsertsByQueue } from './ticks.ts';
import { Problems, type Verdict } from './verdict.ts';

/** Minimum and maximum of the completed jobs and of all jobs while a read was in progress. */
interface Bounds {
  readonly addedMin: number;
  readonly addedMax: number;
  readonly completedMin: number;
  readonly completedMax: number;
}

type Counts = OperationOf<'counts'>;

/**
 * Linearizable reads of counts lie between what was certainly done when they began and what may have been done when they ended, and never
 * go back. Queues that drop jobs (retention, remove) have only upper bounds. A fast check of long histories; the model of a whole queue
 * checks short ones exactly.
 */
export function checkCounts(operations: readonly HistoryOperation[]): Verdict {
  const problems = new Problems();
  const reads = operations.filter(isFunction('counts')).filter(isJudged);
  const queues = new Set(reads.map(({ call }) => call.queue));
  for (const queue of queues) {
    const own = reads.filter(({ call }) => call.queue === queue);
    const tally = new Tally(operations, queue);
    for (const read of own) checkBounds(read, tally.boundsOf(read), tally.keepsAll, problems);
    if (tally.keepsAll) checkMonotonic(own, problems);
  }
  return problems.verdict('counts', reads.length);
}

const isJudged = ({ outcome, call }: Counts): boolean => outcome === 'ok' && (call.consistency ?? 'linearizable') === 'linearizable';

/** Start and end times of one queue's operations, sorted, so that a bound is a binary search. */
class Tally {
  readonly keepsAll: boolean;
  /** When a job scheduler may have begun to add jobs. */
  readonly #ticksFrom: number;
  readonly #addsInvoked: readonly number[];
  readonly #addsReturned: readonly number[];
  readonly #completesInvoked: readonly number[];
  readonly #completesReturned: readonly number[];

  constructor(operations: readonly HistoryOperation[], queue: string) {
    const adds = operations.filter(isFunction('add')).filter((add) => add.call.queue === queue && mayHaveApplied(add));
    const claimed = operations.filter(isFunction('claim')).filter(({ call }) => call.queue === queue);
    const ids = new Set([
      ...adds.flatMap(({ result }) => result?.job ?? []),
      ...claimed.flatMap(({ result }) => result?.jobs.map(({ job }) => job) ?? []),
    ]);
    const completes = operations
      .filter(isFunction('complete'))
      .filter((complete) => ids.has(complete.call.job) && mayHaveApplied(complete));
    // A job whose add got no reply may belong to this queue.
    const foreign = jobsOfOtherQueues(operations, queue);
    const isRemoving = operations.some(
      (one) => (one.f === 'remove' || one.f === 'removeAlone' || one.f === 'clean') && mayHaveApplied(one) && !foreign.has(one.call.job),
    );
    this.keepsAll =
      !isRemoving &&
      !adds.some(isInFlow) &&
      [...adds, ...(upsertsByQueue(operations).get(queue) ?? [])].every(
        ({ call }) => call.keepCompleted === -1 && call.keepFailed === -1,
      ) &&
      adds.every(({ call }) => call.deduplicationId === undefined);
    this.#ticksFrom = Math.min(
      Number.POSITIVE_INFINITY,
      ...(upsertsByQueue(operations).get(queue) ?? []).map(({ invokedAt }) => invokedAt),
    );
    this.#addsInvoked = sorted(adds.map(({ invokedAt }) => invokedAt));
    this.#addsReturned = sorted(adds.map(({ returnedAt }) => returnedAt));
    this.#completesInvoked = sorted(completes.map(({ invokedAt }) => invokedAt));
    this.#completesReturned = sorted(completes.map(({ returnedAt }) => returnedAt));
  }

  boundsOf({ invokedAt, returnedAt }: Counts): Bounds {
    return {
      addedMin: countBelow(this.#addsReturned, invokedAt),
      addedMax: this.#ticksFrom < returnedAt ? Number.POSITIVE_INFINITY : countBelow(this.#addsInvoked, returnedAt),
      completedMin: countBelow(this.#completesReturned, invokedAt),
      completedMax: countBelow(this.#completesInvoked, returnedAt),
    };
  }
}

function jobsOfOtherQueues(operations: readonly HistoryOperation[], queue: string): ReadonlySet<number> {
  const adds = operations.filter(isFunction('add')).filter(({ call }) => call.queue !== queue);
  return new Set(adds.flatMap(({ result }) => result?.job ?? []));
}

const totalOf = ({ result }: Counts): number => Object.values(result ?? {}).reduce((sum, count) => sum + count, 0);

function checkBounds(read: Counts, bounds: Bounds, keepsAll: boolean, problems: Problems): void {
  const total = totalOf(read);
  const completed = read.result?.completed ?? 0;
  if (total > bounds.addedMax) problems.add(`${total} jobs are counted, at most ${bounds.addedMax} were added`, read);
  if (completed > bounds.completedMax)
    problems.add(`${completed} completed jobs are counted, at most ${bounds.completedMax} were completed`, read);
  if (!keepsAll) return;
  if (total < bounds.addedMin) problems.add(`${total} jobs are counted after ${bounds.addedMin} adds were acknowledged`, read);
  if (completed < bounds.completedMin)
    problems.add(`${completed} completed jobs are counted after ${bounds.completedMin} completions were acknowledged`, read);
}

/** A read that began after another one ended returns at least the same counts. */
function checkMonotonic(reads: readonly Counts[], problems: Problems): void {
  const byReturn = [...reads].sort((a, b) => a.returnedAt - b.returnedAt);
  let seen: { total: number; completed: number; read: Counts } | undefined;
  let at = 0;
  for (const read of reads) {
    for (; (byReturn[at]?.returnedAt ?? Number.POSITIVE_INFINITY) < read.invokedAt; at += 1) {
      const over = byReturn[at] as Counts;
      const completed = over.result?.completed ?? 0;
      if (seen === undefined || completed > seen.completed || totalOf(over) > seen.total)
        seen = { total: Math.max(totalOf(over), seen?.total ?? 0), completed: Math.max(completed, seen?.completed ?? 0), read: over };
    }
    if (seen === undefined) continue;
    if (totalOf(read) < seen.total || (read.result?.completed ?? 0) < seen.completed)
      problems.add('counts went back in time', seen.read, read);
  }
}

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
