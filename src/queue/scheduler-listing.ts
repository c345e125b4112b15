import { NO_TICK } from '../protocol/scheduler.ts';
import type { Scheduler } from './scheduler.ts';

/** Most bytes of ids in one page; one id always fits. */
const IDS_BYTES_MAX = 64 * 1024;
/** UTF-8 takes at most three bytes for a unit of UTF-16. */
const UNIT_BYTES_MAX = 3;
/** Of its length, in front of an id. */
const LENGTH_BYTES = 4;

/** One whose next tick is not known yet comes last. */
const nextMsOf = ({ dueMs }: Scheduler): number => (dueMs === NO_TICK ? Number.POSITIVE_INFINITY : dueMs);

const byNextTick = (one: Scheduler, other: Scheduler): number => {
  const [first, second] = [nextMsOf(one), nextMsOf(other)];
  return first === second ? one.id - other.id : first - second;
};

/** A page of ids of a queue's job schedulers, in the order of their next ticks. The bound of a queue is that of the work. */
export function listSchedulers(
  schedulers: readonly Scheduler[],
  isDescending: boolean,
  start: number,
  countMax: number,
): { readonly total: number; readonly schedulers: readonly string[] } {
  const sorted = schedulers.toSorted(byNextTick);
  if (isDescending) sorted.reverse();
  const keys: string[] = [];
  let bytes = 0;
  for (const { key } of sorted.slice(start, start + countMax)) {
    bytes += LENGTH_BYTES + UNIT_BYTES_MAX * key.length;
    if (keys.length > 0 && bytes > IDS_BYTES_MAX) break;
    keys.push(key);
  }
  return { total: sorted.length, schedulers: keys };
}
