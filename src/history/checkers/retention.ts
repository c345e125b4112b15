import { type HistoryOperation, isBefore, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { addOf, isInFlow, type JobHistory, jobHistoriesOf } from './job-history.ts';
import { Problems, type Verdict } from './verdict.ts';

/** A completion that took, or may have taken, effect. */
interface Completion {
  readonly job: JobHistory;
  readonly operation: OperationOf<'complete'>;
  readonly queue: string;
  /** How many completed jobs it leaves in its queue: -1 all, 0 removes only itself. Unknown: one. */
  readonly keep: number;
}

/**
 * A queue keeps the jobs that were completed last. A completed job removes older ones until as many are left as its add
 * specifies; one that specifies none is itself removed at once, and removes no other.
 */
export function checkRetention(operations: readonly HistoryOperation[]): Verdict {
  const problems = new Problems();
  const byQueue = completionsOf(operations);
  let checked = 0;
  for (const completions of byQueue.values()) {
    if (completions.every(({ keep }) => keep === -1)) continue;
    checked += completions.length;
    for (const completion of completions) checkStays(completion, completions, problems);
  }
  checkCountsOf(operations, problems);
  return problems.verdict('retention', checked);
}

function completionsOf(operations: readonly HistoryOperation[]): Map<string, Completion[]> {
  const byQueue = new Map<string, Completion[]>();
  for (const job of jobHistoriesOf(operations).values()) {
    const add = job.adds.length === 1 ? addOf(job) : undefined;
    const queue = add?.call.queue ?? job.claims[0]?.operation.call.queue;
    if (queue === undefined) continue;
    for (const operation of job.completes.filter(mayHaveApplied)) {
      const completion = { job, operation, queue, keep: add?.call.keepCompleted ?? 1 };
      const known = byQueue.get(queue);
      if (known === undefined) byQueue.set(queue, [completion]);
      else known.push(completion);
    }
  }
  return byQueue;
}

/** A read that does not find a job comes after the jobs that displaced it. */
function checkStays({ job, operation, keep, queue }: Completion, completions: readonly Completion[], problems: Problems): void {
  if (operation.outcome !== 'ok' || keep === 0 || job.removes.some(mayHaveApplied) || job.adds.some(isInFlow)) return;
  // Kept for a time, on clocks that a history does not show.
  if ((addOf(job)?.call.keepCompletedMs ?? 0) > 0) return;
  const missed = job.reads.find(({ outcome, result }) => outcome === 'ok' && result?.state === null);
  if (missed === undefined || !isBefore(operation, missed)) return;
  const later = completions.filter(
    (other) =>
      other.job !== job && other.keep !== 0 && !isBefore(other.operation, operation) && other.operation.invokedAt < missed.returnedAt,
  );
  const keepMin = Math.min(...[keep, ...later.map((other) => other.keep)].filter((each) => each > 0));
  if (later.length >= keepMin) return;
  problems.add(
    `job ${job.id} of ${queue} is gone after ${later.length} later completions, and ${Number.isFinite(keepMin) ? keepMin : 'all'} completed jobs stay`,
    operation,
    missed,
  );
}

/** A queue whose jobs all specify the same number never shows more. */
function checkCountsOf(operations: readonly HistoryOperation[], problems: Problems): void {
  const keeps = new Map<string, Set<number | undefined>>();
  const ofTicks = operations.filter(isFunction('upsertScheduler')).filter(mayHaveApplied);
  for (const add of [...operations.filter(isFunction('add')).filter(mayHaveApplied), ...ofTicks]) {
    const known = keeps.get(add.call.queue);
    if (known === undefined) keeps.set(add.call.queue, new Set([add.call.keepCompleted]));
    else known.add(add.call.keepCompleted);
  }
  for (const read of operations.filter(isFunction('counts'))) {
    const [keep = -1, ...others] = keeps.get(read.call.queue) ?? [];
    const completed = read.result?.completed ?? 0;
    if (others.length === 0 && keep >= 0 && completed > keep)
      problems.add(`queue ${read.call.queue} shows ${completed} completed jobs and keeps ${keep}`, read);
  }
}
