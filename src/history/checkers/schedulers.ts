import type { JobKey } from '../functions.ts';
import { type HistoryOperation, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';
import { Problems, type Verdict } from './verdict.ts';

/** A job of a tick as a claim returned it. */
interface TickClaim {
  readonly job: number;
  readonly tick: number;
  readonly scheduledMs: number;
  readonly scheduler: string;
  readonly operation: OperationOf<'claim'>;
}

/**
 * Each tick of a job scheduler adds one job, at a time after that of the tick before, within its start, end and number of ticks; with a fixed
 * interval at a distance of whole intervals. That no other job has its key, and no tick is beyond the limit, the accounting checks as well.
 */
export function checkSchedulers(operations: readonly HistoryOperation[]): Verdict {
  const problems = new Problems();
  const byKey = new Map<JobKey, TickClaim[]>();
  let checked = 0;
  for (const operation of operations.filter(isFunction('claim'))) {
    for (const { job, key, scheduler, tick, scheduledMs } of operation.result?.jobs ?? []) {
      if (key === undefined || scheduler === undefined || tick === undefined || scheduledMs === undefined) continue;
      checked += 1;
      const setBy = String(key).slice(0, -`#${tick}`.length);
      byKey.set(setBy, [...(byKey.get(setBy) ?? []), { job, tick, scheduledMs, scheduler, operation }]);
    }
  }
  for (const upsert of operations.filter(isFunction('upsertScheduler')).filter(mayHaveApplied)) {
    const claims = byKey.get(String(upsert.call.key)) ?? [];
    byKey.delete(String(upsert.call.key));
    checkTicks(upsert, claims, problems);
  }
  for (const [key, [claim]] of byKey)
    if (claim !== undefined) problems.add(`job ${claim.job} is of a tick of ${JSON.stringify(key)}, which no call set`, claim.operation);
  return problems.verdict('schedulers', checked);
}

function checkTicks(upsert: OperationOf<'upsertScheduler'>, claims: TickClaim[], problems: Problems): void {
  const { queue, scheduler, everyMs = 0, startMs = 0, endMs = 0, ticksMax = 0, isImmediate = false } = upsert.call;
  claims.sort((one, other) => one.tick - other.tick);
  claims.forEach((claim, at) => {
    const { job, tick, scheduledMs, operation } = claim;
    const what = `tick ${tick} of job scheduler "${scheduler}" of ${queue}, job ${job},`;
    const evidence = [upsert, operation];
    if (claim.scheduler !== scheduler || operation.call.queue !== queue)
      problems.add(`${what} came as one of "${claim.scheduler}" of ${operation.call.queue}`, ...evidence);
    if (tick < 1 || (ticksMax > 0 && tick > ticksMax)) problems.add(`${what} is beyond the limit of ${ticksMax}`, ...evidence);
    if (endMs > 0 && scheduledMs > endMs) problems.add(`${what} is at ${scheduledMs}, after the end at ${endMs}`, ...evidence);
    if (!isImmediate && scheduledMs < startMs) problems.add(`${what} is at ${scheduledMs}, before the start at ${startMs}`, ...evidence);
    const before = claims[at - 1];
    if (before === undefined) return;
    if (before.tick === tick && before.job !== job) problems.add(`${what} is job ${before.job}, too`, before.operation, operation);
    if (before.tick === tick) return;
    const apartMs = scheduledMs - before.scheduledMs;
    if (apartMs <= 0)
      problems.add(`${what} is at ${scheduledMs}, and tick ${before.tick} at ${before.scheduledMs}`, before.operation, operation);
    // The first tick may be before those of the interval.
    if (everyMs > 0 && before.tick > 1 && apartMs < (tick - before.tick) * everyMs - 1)
      problems.add(`${what} is only ${apartMs} ms after tick ${before.tick}`, before.operation, operation);
  });
}
