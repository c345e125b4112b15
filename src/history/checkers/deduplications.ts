import { type HistoryOperation, isBefore, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { type JobHistory, jobHistoriesOf } from './job-history.ts';
import { Problems, type Verdict } from './verdict.ts';

type Add = OperationOf<'add'>;

/**
 * Two jobs with one deduplication id are never there at the same time, unless the id was set free. Judged are the ids whose adds have no time
 * and replace no job: such an id is taken until its job ends.
 */
export function checkDeduplications(operations: readonly HistoryOperation[]): Verdict {
  const problems = new Problems();
  // Also those that found a duplicate: they may have changed how long its id is taken.
  const adds = operations.filter(isFunction('add')).filter((add) => add.call.deduplicationId !== undefined);
  let checked = 0;
  if (adds.length > 0) {
    const jobs = jobHistoriesOf(operations);
    const frees = operations.filter(isFunction('removeDeduplication')).filter(mayHaveApplied);
    const claims = operations.filter(isFunction('claim')).filter(({ outcome }) => outcome === 'info');
    for (const [key, ofId] of Map.groupBy(adds, idOf)) {
      if (!ofId.every(isUntilTheEnd)) continue;
      const added = ofId.filter(({ outcome }) => outcome === 'ok');
      checked += added.length;
      const unclear = [...frees.filter((free) => idOf(free) === key), ...claims.filter(({ call }) => call.queue === ofId[0]?.call.queue)];
      for (const add of added) checkAlone(add, added, jobs.get(add.result?.job ?? 0), unclear, problems);
    }
  }
  return problems.verdict('deduplications', checked);
}

const idOf = ({ call }: Add | OperationOf<'removeDeduplication'>): string => JSON.stringify([call.queue, call.deduplicationId]);

const isUntilTheEnd = ({ call: { ttlMs = 0, keepsLast = false, isReplacing = false, isExtending = false } }: Add): boolean =>
  !isReplacing && (ttlMs === 0 || (keepsLast && !isExtending));

/** @param unclear operations that may have set the id free, or ended the job by a stall. */
function checkAlone(
  add: Add,
  added: readonly Add[],
  job: JobHistory | undefined,
  unclear: readonly HistoryOperation[],
  problems: Problems,
): void {
  if (job === undefined) return;
  const { completes, fails, removes, claims } = job;
  const stalls = claims.filter(({ stalls: before = 0, operation }) => before >= (operation.call.stalledMax ?? 0));
  const ends = [...completes, ...fails, ...removes].filter(mayHaveApplied);
  const mayEnd: readonly HistoryOperation[] = [...ends, ...stalls.map(({ operation }) => operation), ...unclear];
  for (const other of added) {
    if (other === add || !isBefore(add, other) || mayEnd.some(({ invokedAt }) => invokedAt < other.returnedAt)) continue;
    problems.add(`jobs ${add.result?.job} and ${other.result?.job} are there with one deduplication id`, add, other);
    return;
  }
}
