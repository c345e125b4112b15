import { z } from 'zod';
import { isPromise } from '../../base/missing-await.ts';
import { DURATION_MS_MAX, KEEP_MAX } from '../../protocol/limits.ts';
import { aValue, integerIn, optionsOf } from '../option-check.ts';

/** How long, and how many, finished jobs are kept. BullMQ's names. */
export interface KeepJobs {
  /** In seconds, by the cluster's wall clock: the job is removed when this time is over. Default: no limit. */
  readonly age?: number;
  /** The newest jobs of the queue. Default: all. */
  readonly count?: number;
  /** Without effect: the cluster bounds by itself how many jobs it removes at a time. */
  readonly limit?: number;
}

const SECOND_MS = 1_000;
const AGE_MAX = DURATION_MS_MAX / SECOND_MS;

const REMEDY = `Give true (remove at once), false (keep all), the number of jobs to keep, up to ${KEEP_MAX}, or { age, count } with the age in seconds.`;
const KEEP_JOBS = optionsOf(
  {
    age: aValue<number>(isAge, `Give a number of seconds from 0 to ${AGE_MAX}.`).optional(),
    count: integerIn(0, KEEP_MAX).optional(),
    limit: integerIn(1, Number.MAX_SAFE_INTEGER).optional(),
  } satisfies Record<keyof KeepJobs, z.ZodType>,
  REMEDY,
);

/** The options `removeOnComplete` and `removeOnFail` of a job. */
export const KEPT = z.union([z.boolean(), integerIn(0, KEEP_MAX), KEEP_JOBS], { error: REMEDY });

/** See `isValidAtSight`. */
export function isKept(value: unknown): boolean {
  if (typeof value === 'boolean' || isCount(value, 0, KEEP_MAX)) return true;
  if (!hasKeepNames(value)) return false;
  const { age, count, limit } = value;
  return (
    (age === undefined || isAge(age)) &&
    (count === undefined || isCount(count, 0, KEEP_MAX)) &&
    (limit === undefined || isCount(limit, 1, Number.MAX_SAFE_INTEGER))
  );
}

/** Its fields are read once: see `readOnce` of the options of a job. */
export function keptReadOnce(value: boolean | number | KeepJobs | undefined): boolean | number | KeepJobs | undefined {
  if (!hasKeepNames(value)) return value;
  const { age, count, limit } = value;
  return { ...(age === undefined ? {} : { age }), ...(count === undefined ? {} : { count }), ...(limit === undefined ? {} : { limit }) };
}

/** How many are kept, -1 for all, and for how long, 0 without a limit. */
export function keptOf(remove: boolean | number | KeepJobs): { readonly count: number; readonly ms: number } {
  if (typeof remove !== 'object') return { count: typeof remove === 'number' ? remove : remove ? 0 : -1, ms: 0 };
  const { age, count = -1 } = remove;
  if (age === undefined) return { count, ms: 0 };
  return age === 0 ? { count: 0, ms: 0 } : { count, ms: age * SECOND_MS };
}

/** The option in effect for an added job. */
export function removeOf(count: number, ms: number): boolean | number | KeepJobs {
  if (ms > 0 && count !== 0) return Object.freeze({ age: ms / SECOND_MS, ...(count === -1 ? {} : { count }) });
  return count === -1 ? false : count === 0 ? true : count;
}

function hasKeepNames(value: unknown): value is KeepJobs {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isPromise(value)) return false;
  for (const name in value) if (name !== 'age' && name !== 'count' && name !== 'limit') return false;
  return true;
}

function isAge(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= AGE_MAX;
}

const isCount = (value: unknown, from: number, to: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to;
