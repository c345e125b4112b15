import { z } from 'zod';
import { isPromise } from '../../base/missing-await.ts';
import { ATTEMPTS_MAX, DURATION_MS_MAX, LOG_ROWS_MAX, PRIORITY_MAX } from '../../protocol/limits.ts';
import { ADD_DEFAULTS, type AddOptions } from '../../protocol/request-encoder.ts';
import { aBoolean, aValue, checkOptions, durationIn, integerIn, optionsOf } from '../option-check.ts';
import { OPTIONS_MISSING } from './bullmq-names.ts';
import {
  DEDUPLICATION,
  type DeduplicationOptions,
  deduplicationOf,
  deduplicationOptionsOf,
  deduplicationReadOnce,
  isDeduplication,
} from './deduplication-options.ts';
import { CUSTOM_ID_REMEDY, isCustomId } from './job-id.ts';
import { isKept, KEPT, type KeepJobs, keptOf, keptReadOnce, removeOf } from './kept-jobs.ts';

export interface BackoffOptions {
  readonly type: 'fixed' | 'exponential';
  /** The first pause in milliseconds; `exponential` doubles it at every attempt. */
  readonly delay: number;
}

/** The options of a new job; names and meanings as in BullMQ. */
export interface JobOptions extends DefaultJobOptions {
  /**
   * An id of your choice: 1 to 255 bytes that are not only digits, unique in the queue. While the queue has a job with it, in any state, an add
   * with it adds nothing. Default: the queue gives the next number.
   */
  readonly jobId?: string;
  /** Adds of jobs with the same `id` are duplicates, and add nothing; default: every add adds a job. */
  readonly deduplication?: DeduplicationOptions;
}

/** The options that all jobs of a queue can share. */
export interface DefaultJobOptions {
  /** Milliseconds until the job may be claimed. */
  readonly delay?: number;
  /** 0 (the default) is served first, then 1 up to 2^21 in ascending order. */
  readonly priority?: number;
  /**
   * `true` serves the job, while it waits, before the jobs of its priority that were added before it, also after a delay or a retry;
   * `false` by default.
   */
  readonly lifo?: boolean;
  /** Number of attempts before the job becomes a dead letter; 1 by default. */
  readonly attempts?: number;
  /** The pause before another attempt: milliseconds or an object; none by default. */
  readonly backoff?: number | BackoffOptions;
  /**
   * `true` removes the completed job at once, a number keeps the newest of the queue, `{ age, count }` keeps it for some seconds at most,
   * `false` keeps all; 1000 by default.
   */
  readonly removeOnComplete?: boolean | number | KeepJobs;
  /** The same for dead letters; `false` by default: they are kept for inspection. */
  readonly removeOnFail?: boolean | number | KeepJobs;
  /** How many rows of its log the job keeps, the newest: 1 to 1,000, which is the default. See `Job.log`. */
  readonly keepLogs?: number;
}

const DURATION = durationIn(0, DURATION_MS_MAX);
const BACKOFF = optionsOf(
  {
    type: z.enum(['fixed', 'exponential'], { error: "Give 'fixed' or 'exponential'." }),
    delay: DURATION,
  } satisfies Record<keyof BackoffOptions, z.ZodType>,
  'Give an object of options.',
  OPTIONS_MISSING.backoff,
);

const SHARED = {
  delay: DURATION.optional(),
  priority: integerIn(0, PRIORITY_MAX).optional(),
  lifo: aBoolean.optional(),
  attempts: integerIn(1, ATTEMPTS_MAX).optional(),
  backoff: z.union([DURATION, BACKOFF], { error: "Give a number of milliseconds or { type: 'fixed' | 'exponential', delay }." }).optional(),
  removeOnComplete: KEPT.optional(),
  removeOnFail: KEPT.optional(),
  keepLogs: integerIn(1, LOG_ROWS_MAX).optional(),
} satisfies Record<keyof DefaultJobOptions, z.ZodType>;
const REMEDY = 'Give an object of job options such as { attempts: 3 }, or leave it out.';

/** The authority; {@link isValidAtSight} only saves this call for options that are valid. */
export const JOB_OPTIONS = optionsOf(
  {
    ...SHARED,
    jobId: aValue<string>(isCustomId, CUSTOM_ID_REMEDY).optional(),
    deduplication: DEDUPLICATION.optional(),
  } satisfies Record<keyof JobOptions, z.ZodType>,
  REMEDY,
  OPTIONS_MISSING.job,
);
export const DEFAULT_JOB_OPTIONS = optionsOf(SHARED, REMEDY, {
  ...OPTIONS_MISSING.job,
  jobId: 'A queue has an id once: give it to each add().',
  deduplication: 'All jobs of the queue would be duplicates: give it to each add().',
});

const COMPLETED_KEPT = 1_000;
const DEFAULTS: AddOptions = Object.freeze({ ...ADD_DEFAULTS, keepCompleted: COMPLETED_KEPT, keepFailed: -1 });

/**
 * Converts the user's options to those of the request.
 * @param defaults apply to everything that `options` leaves out.
 * @param at the index of the job in a bulk, or the path to the options, for the error.
 * @throws {UnknownOptionError | InvalidOptionError}
 */
export function addOptionsOf(
  options: JobOptions | undefined,
  defaults: AddOptions = DEFAULTS,
  at?: number | readonly PropertyKey[],
): AddOptions {
  if (options === undefined) return defaults;
  const read = readOnce(options);
  if (read === options || !areValid(read)) checkOptions(JOB_OPTIONS, read, typeof at === 'number' ? ['jobs', at, 'opts'] : (at ?? []));
  const { delay, priority, lifo, attempts, backoff, removeOnComplete, removeOnFail, keepLogs, jobId, deduplication } = read;
  const completed = removeOnComplete === undefined ? undefined : keptOf(removeOnComplete);
  const failed = removeOnFail === undefined ? undefined : keptOf(removeOnFail);
  return {
    ...(deduplication === undefined ? {} : { deduplication: deduplicationOf(deduplication) }),
    ...(jobId === undefined ? {} : { customId: jobId }),
    delayMs: delay ?? defaults.delayMs,
    priority: priority ?? defaults.priority,
    isLifo: lifo ?? defaults.isLifo,
    attemptsMax: attempts ?? defaults.attemptsMax,
    backoff: backoff === undefined ? defaults.backoff : backoffOf(backoff),
    keepCompleted: completed?.count ?? defaults.keepCompleted,
    keepFailed: failed?.count ?? defaults.keepFailed,
    keepCompletedMs: completed?.ms ?? defaults.keepCompletedMs,
    keepFailedMs: failed?.ms ?? defaults.keepFailedMs,
    keepLogs: keepLogs ?? defaults.keepLogs,
  };
}

/** Options as they were read: those that are not given are `undefined`. */
type ReadOptions = { readonly [Name in keyof JobOptions]: JobOptions[Name] | undefined };

/**
 * What was checked must be what is sent: an invalid value would be found when half a request is written. So a getter, which may return
 * another value at its second call, is called once. Everything but an object that has only known names is returned as it is.
 */
function readOnce(options: JobOptions): ReadOptions {
  if (!hasKnownNames(options)) return options;
  const { delay, priority, lifo, attempts, backoff, removeOnComplete, removeOnFail, keepLogs, jobId, deduplication } = options;
  const objects = { backoff: backoffReadOnce(backoff), deduplication: deduplicationReadOnce(deduplication) };
  const kept = { removeOnComplete: keptReadOnce(removeOnComplete), removeOnFail: keptReadOnce(removeOnFail) };
  return { delay, priority, lifo, attempts, keepLogs, jobId, ...objects, ...kept };
}

function backoffReadOnce(backoff: JobOptions['backoff']): JobOptions['backoff'] {
  if (backoff === undefined || !hasBackoffNames(backoff)) return backoff;
  return { type: backoff.type, delay: backoff.delay };
}

/**
 * Whether the schema would accept these options. The schema decides: false only means that it is called. Written by hand, since add() is
 * called some 200,000 times a second: measured, 0.1 µs a call here and 0.3 to 1.3 µs in zod. A test checks that the two agree.
 */
export const isValidAtSight = (options: JobOptions): boolean => hasKnownNames(options) && areValid(options);

function hasKnownNames(options: JobOptions): boolean {
  if (typeof options !== 'object' || options === null || Array.isArray(options) || isPromise(options)) return false;
  for (const name in options) {
    switch (name) {
      case 'delay':
      case 'priority':
      case 'lifo':
      case 'attempts':
      case 'backoff':
      case 'removeOnComplete':
      case 'removeOnFail':
      case 'keepLogs':
      case 'jobId':
      case 'deduplication':
        break;
      default:
        return false;
    }
  }
  return true;
}

function areValid(options: ReadOptions): boolean {
  const { delay, priority, lifo, attempts, backoff, removeOnComplete, removeOnFail, keepLogs, jobId, deduplication } = options;
  return (
    (deduplication === undefined || isDeduplication(deduplication)) &&
    (jobId === undefined || isCustomId(jobId)) &&
    (delay === undefined || isDuration(delay)) &&
    (priority === undefined || isIntegerIn(priority, 0, PRIORITY_MAX)) &&
    (lifo === undefined || typeof lifo === 'boolean') &&
    (attempts === undefined || isIntegerIn(attempts, 1, ATTEMPTS_MAX)) &&
    (backoff === undefined || isDuration(backoff) || isBackoff(backoff)) &&
    (removeOnComplete === undefined || isKept(removeOnComplete)) &&
    (removeOnFail === undefined || isKept(removeOnFail)) &&
    (keepLogs === undefined || isIntegerIn(keepLogs, 1, LOG_ROWS_MAX))
  );
}

const isDuration = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= DURATION_MS_MAX;

function isIntegerIn(value: unknown, from: number, to: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to;
}

function hasBackoffNames(value: number | BackoffOptions): value is BackoffOptions {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isPromise(value)) return false;
  for (const name in value) if (name !== 'type' && name !== 'delay') return false;
  return true;
}

function isBackoff(value: number | BackoffOptions): boolean {
  return hasBackoffNames(value) && (value.type === 'fixed' || value.type === 'exponential') && isDuration(value.delay);
}

function backoffOf(backoff: number | BackoffOptions): AddOptions['backoff'] {
  if (typeof backoff === 'number') return backoff === 0 ? ADD_DEFAULTS.backoff : { type: 'fixed', delayMs: backoff };
  return { type: backoff.type, delayMs: backoff.delay };
}

/** The options in effect for an added job. */
export function jobOptionsOf(added: AddOptions): JobOptions {
  const { type, delayMs } = added.backoff;
  return Object.freeze({
    delay: added.delayMs,
    priority: added.priority,
    lifo: added.isLifo,
    attempts: added.attemptsMax,
    backoff: type === 'none' ? 0 : { type, delay: delayMs },
    removeOnComplete: removeOf(added.keepCompleted, added.keepCompletedMs),
    removeOnFail: removeOf(added.keepFailed, added.keepFailedMs),
    ...(added.keepLogs === 0 ? {} : { keepLogs: added.keepLogs }),
    ...(added.customId === undefined ? {} : { jobId: added.customId }),
    ...(added.deduplication === undefined ? {} : { deduplication: deduplicationOptionsOf(added.deduplication) }),
  });
}
