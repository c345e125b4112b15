import type { Calls } from '../functions.ts';
import { type HistoryOperation, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';

/** Queues in which some job keeps fewer than all finished jobs: it removes the oldest ones. */
interface TrimmedQueues {
  readonly completed: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

export function trimmedQueues(operations: readonly HistoryOperation[]): TrimmedQueues {
  const ofTicks = operations.filter(isFunction('upsertScheduler')).filter(mayHaveApplied);
  const adds = [...operations.filter(isFunction('add')).filter(mayHaveApplied), ...ofTicks];
  const completed = adds.filter(({ call }) => (call.keepCompleted ?? -1) > 0);
  const failed = adds.filter(({ call }) => (call.keepFailed ?? -1) > 0);
  return { completed: new Set(completed.map(({ call }) => call.queue)), failed: new Set(failed.map(({ call }) => call.queue)) };
}

/** A job that is kept without limit may still be removed by another job of its queue. */
export function termsOf({ call }: OperationOf<'add'>, trimmed: TrimmedQueues): Calls['add'] {
  const keepCompleted = call.keepCompleted === -1 && trimmed.completed.has(call.queue) ? 1 : call.keepCompleted;
  const keepFailed = call.keepFailed === -1 && trimmed.failed.has(call.queue) ? 1 : call.keepFailed;
  return { ...call, ...(keepCompleted === undefined ? {} : { keepCompleted }), ...(keepFailed === undefined ? {} : { keepFailed }) };
}
