import type { z } from 'zod';
import { isPromise } from '../../base/missing-await.ts';
import type { Deduplication } from '../../protocol/deduplication.ts';
import { DEDUPLICATION_ID_BYTES_MAX, DURATION_MS_MAX } from '../../protocol/limits.ts';
import type { AddOptions } from '../../protocol/request-encoder.ts';
import { InvalidOptionError } from '../errors.ts';
import { aBoolean, aValue, durationIn, optionsOf } from '../option-check.ts';

/** How an add is deduplicated: among the jobs of its queue with the same id. The names and meanings are BullMQ's. */
export interface DeduplicationOptions {
  /** 1 to 255 bytes. */
  readonly id: string;
  /**
   * For how long adds are duplicates, in milliseconds by the cluster's own clock, also once the job has ended. Default, and 0: until the job is
   * completed, has failed for good, or was removed.
   */
  readonly ttl?: number;
  /** `true`: a duplicate begins the time of `ttl` again. `false` by default. */
  readonly extend?: boolean;
  /** `true`: the new job takes the place of one that is delayed. `false` by default. */
  readonly replace?: boolean;
  /**
   * `true`: the last add while the job is active is kept, and is added when it is completed or has failed for good. `ttl` is then without
   * effect. `false` by default.
   */
  readonly keepLastIfActive?: boolean;
}

const ID_REMEDY = `Give a text of 1 to ${DEDUPLICATION_ID_BYTES_MAX} bytes of well-formed Unicode.`;

/** The option of a job. */
export const DEDUPLICATION = optionsOf(
  {
    id: aValue<string>(isDeduplicationId, ID_REMEDY),
    ttl: durationIn(0, DURATION_MS_MAX).optional(),
    extend: aBoolean.optional(),
    replace: aBoolean.optional(),
    keepLastIfActive: aBoolean.optional(),
  } satisfies Record<keyof DeduplicationOptions, z.ZodType>,
  'Give an object { id, ttl, extend, replace, keepLastIfActive }.',
);

/** The argument of the calls about an id. */
export const DEDUPLICATION_ID = aValue(isDeduplicationId, ID_REMEDY);

function isDeduplicationId(id: unknown): id is string {
  return typeof id === 'string' && id.length > 0 && id.isWellFormed() && Buffer.byteLength(id) <= DEDUPLICATION_ID_BYTES_MAX;
}

/** See `isValidAtSight`. */
export function isDeduplication(value: unknown): value is DeduplicationOptions {
  if (!hasDeduplicationNames(value)) return false;
  const { id, ttl, extend, replace, keepLastIfActive } = value;
  const isFlag = (flag: unknown): boolean => flag === undefined || typeof flag === 'boolean';
  const isTime = ttl === undefined || (typeof ttl === 'number' && ttl >= 0 && ttl <= DURATION_MS_MAX);
  return isDeduplicationId(id) && isTime && isFlag(extend) && isFlag(replace) && isFlag(keepLastIfActive);
}

/** Its fields are read once: see `readOnce` of the options of a job. */
export function deduplicationReadOnce(value: DeduplicationOptions | undefined): DeduplicationOptions | undefined {
  if (!hasDeduplicationNames(value)) return value;
  const { id, ttl, extend, replace, keepLastIfActive } = value;
  return {
    id,
    ...(ttl === undefined ? {} : { ttl }),
    ...(extend === undefined ? {} : { extend }),
    ...(replace === undefined ? {} : { replace }),
    ...(keepLastIfActive === undefined ? {} : { keepLastIfActive }),
  };
}

function hasDeduplicationNames(value: unknown): value is DeduplicationOptions {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isPromise(value)) return false;
  for (const name in value) {
    if (name !== 'id' && name !== 'ttl' && name !== 'extend' && name !== 'replace' && name !== 'keepLastIfActive') return false;
  }
  return true;
}

export const deduplicationOf = ({ id, ttl, extend, replace, keepLastIfActive }: DeduplicationOptions): Deduplication => ({
  id,
  ttlMs: ttl ?? 0,
  isExtending: extend ?? false,
  isReplacing: replace ?? false,
  keepsLast: keepLastIfActive ?? false,
});

/** The option in effect for an added job. */
export const deduplicationOptionsOf = ({ id, ttlMs, isExtending, isReplacing, keepsLast }: Deduplication): DeduplicationOptions =>
  Object.freeze({ id, ttl: ttlMs, extend: isExtending, replace: isReplacing, keepLastIfActive: keepsLast });

/** @param path of the option. @param remedy why it has to be left out. @throws {InvalidOptionError} if the job is to be deduplicated */
export function checkNotDeduplicated({ deduplication }: Pick<AddOptions, 'deduplication'>, path: string, remedy: string): void {
  if (deduplication !== undefined) throw new InvalidOptionError(path, deduplication, remedy);
}

/** Jobs of a flow are added together or not at all. */
export const NOT_IN_FLOW = 'A job of a flow cannot be deduplicated. Give the root a "jobId": a flow is added once for it.';
/** All of a transaction takes effect, or nothing. */
export const NOT_IN_TRANSACTION = 'An add of a transaction cannot be deduplicated. Give the job a "jobId", or add it on its own.';
