import { z } from 'zod';
import {
  DURATION_MS_MAX,
  PATTERN_BYTES_MAX,
  SCHEDULER_ID_BYTES_MAX,
  SCHEDULER_PAYLOAD_BYTES_MAX,
  TIME_ZONE_BYTES_MAX,
} from '../../protocol/limits.ts';
import { BACKOFF_TYPES } from '../../protocol/policy.ts';
import type { AddOptions, SchedulerOptions } from '../../protocol/request-encoder.ts';
import { NO_OFFSET, NO_TICK, type SchedulerDetail } from '../../protocol/scheduler.ts';
import { RequestRejectedError } from '../errors.ts';
import { aBoolean, aValue, checkOptions, integerIn, optionsOf } from '../option-check.ts';
import { decodeData, decodeName, encodePayload } from '../payload.ts';
import { unexpectedResult } from '../result-errors.ts';
import { InvalidPatternError } from '../scheduler-errors.ts';
import type { QueueCommands } from './job-commands.ts';
import { addOptionsOf, DEFAULT_JOB_OPTIONS, type DefaultJobOptions, type JobOptions, jobOptionsOf } from './job-options.ts';

/** When a job scheduler adds jobs; names as in BullMQ. One of `every` and `pattern` is needed. */
export interface RepeatOptions {
  /** Milliseconds between two jobs, a whole number. */
  readonly every?: number;
  /**
   * A cron pattern of five fields (minute, hour, day of the month, month, day of the week), or six with seconds first; or a name such as
   * `@daily`.
   */
  readonly pattern?: string;
  /** The time zone of the pattern, as in 'Europe/Berlin'. Default: UTC, where BullMQ has the zone of the process. */
  readonly tz?: string;
  /** How many jobs it adds at most; then it is removed. Set again, it begins to count again. */
  readonly limit?: number;
  /** The first job is not before this time. */
  readonly startDate?: Date | string | number;
  /** No job is after this time; then the scheduler is removed. */
  readonly endDate?: Date | string | number;
  /** With `every`: jobs are added at the multiples of `every` since 1970 plus these milliseconds. Default: `every` counts from the first job. */
  readonly offset?: number;
  /** The first job is added at once, before those of the pattern or of the offset. Without them, the first one is at once anyway. */
  readonly immediately?: boolean;
}

/** The options of the jobs of a scheduler. */
export type JobSchedulerTemplateOptions = Omit<DefaultJobOptions, 'delay'>;

/** What each job of a scheduler has. */
export interface JobSchedulerTemplate<Data = unknown> {
  /** Default: the id of the scheduler. */
  readonly name?: string;
  /** Default: `{}`. Name and data have at most 64 KiB. */
  readonly data?: Data;
  readonly opts?: JobSchedulerTemplateOptions;
}

/** A job scheduler as the cluster has it. Times are in wall-clock milliseconds. */
export interface JobSchedulerJson<Data = unknown> {
  /** Its id. */
  readonly key: string;
  /** The name of its jobs. */
  readonly name: string;
  /** How many jobs it has added since it was last set. */
  readonly iterationCount: number;
  /** When it adds the next job; undefined for the moment in which the leader computes it from the pattern. */
  readonly next?: number;
  readonly every?: number;
  readonly offset?: number;
  readonly pattern?: string;
  readonly tz?: string;
  readonly limit?: number;
  readonly startDate?: number;
  readonly endDate?: number;
  readonly template: { readonly data: Data; readonly opts: JobSchedulerTemplateOptions };
}

const LIMIT_MAX = 2 ** 32 - 1;
const POSITION_MAX = 2 ** 32 - 1;
/** Ids in one request; a node may return fewer. */
const IDS_PER_REQUEST = 5_000;
/** Job schedulers in one request, with their payloads. */
const SCHEDULERS_PER_REQUEST = 100;

const textOf = (bytesMin: number, bytesMax: number) =>
  aValue<string>(
    (value) =>
      typeof value === 'string' && value.isWellFormed() && Buffer.byteLength(value) >= bytesMin && Buffer.byteLength(value) <= bytesMax,
    `Give ${bytesMin} to ${bytesMax} bytes of well-formed Unicode.`,
  );
const ID = textOf(1, SCHEDULER_ID_BYTES_MAX);
const aDate = aValue<Date | string | number>(
  (value) => timeOf(value) >= 0,
  'Give a Date, a date as text such as "2030-01-31T12:00:00Z", or milliseconds since 1970.',
);
const REPEAT = optionsOf(
  {
    every: integerIn(1, DURATION_MS_MAX).optional(),
    pattern: textOf(1, PATTERN_BYTES_MAX).optional(),
    tz: textOf(1, TIME_ZONE_BYTES_MAX).optional(),
    limit: integerIn(1, LIMIT_MAX).optional(),
    startDate: aDate.optional(),
    endDate: aDate.optional(),
    offset: integerIn(0, DURATION_MS_MAX).optional(),
    immediately: aBoolean.optional(),
  } satisfies Record<keyof RepeatOptions, z.ZodType>,
  'Give an object such as { every: 60_000 } or { pattern: "0 9 * * *", tz: "Europe/Berlin" }.',
  {
    count: 'It begins at 0 whenever the scheduler is set.',
    key: 'The id of the scheduler is the first argument.',
    jobId: 'The queue gives each job its id.',
    prevMillis: 'The cluster counts the times.',
  },
)
  .refine(({ every, pattern }) => (every === undefined) !== (pattern === undefined), { error: 'Give one of every and pattern.' })
  .refine(({ pattern, tz }) => tz === undefined || pattern !== undefined, { error: 'Give tz only with a pattern.' })
  .refine(({ every, offset }) => offset === undefined || every !== undefined, { error: 'Give offset only with every.' })
  .refine(({ startDate, immediately }) => startDate === undefined || immediately !== true, {
    error: 'Give one of startDate and immediately.',
  });
const TEMPLATE = optionsOf(
  {
    name: z.string({ error: 'Give a name as text.' }).optional(),
    data: z.unknown().optional(),
    opts: DEFAULT_JOB_OPTIONS.refine((opts) => !('delay' in opts) || opts.delay === undefined, {
      error: 'Leave delay out: a job of a scheduler is added when it is due.',
    }).optional(),
  } satisfies Record<keyof JobSchedulerTemplate, z.ZodType>,
  'Give an object { name, data, opts }.',
);
const aPosition = integerIn(-POSITION_MAX, POSITION_MAX);

/** @throws {InvalidOptionError | UnknownOptionError | InvalidPatternError | SchedulerLimitError} */
export async function upsertScheduler<Data>(
  commands: QueueCommands,
  id: string,
  repeat: RepeatOptions,
  template: JobSchedulerTemplate<Data>,
  defaults: AddOptions,
): Promise<void> {
  checkOptions(ID, id, ['jobSchedulerId']);
  checkOptions(REPEAT, repeat, ['repeatOpts']);
  checkOptions(TEMPLATE, template, ['jobTemplate']);
  const { name = id, data = {}, opts } = template;
  const payload = encodePayload(name, data, SCHEDULER_PAYLOAD_BYTES_MAX);
  const added = { ...addOptionsOf(opts, defaults), delayMs: 0 };
  const scheduler = schedulerOf(id, repeat);
  try {
    await commands.command((encoder) => encoder.upsertScheduler(commands.queue, scheduler, payload, added), payload.length);
  } catch (error) {
    const isRejected = error instanceof RequestRejectedError && error.code === 'INVALID_REQUEST' && repeat.pattern !== undefined;
    throw isRejected ? new InvalidPatternError(repeat.pattern, repeat.tz, error.reason) : error;
  }
}

/** @returns undefined if the queue has none with this id. */
export async function findScheduler<Data>(commands: QueueCommands, id: string): Promise<JobSchedulerJson<Data> | undefined> {
  checkOptions(ID, id, ['id']);
  const result = await commands.query('linearizable', (encoder) =>
    encoder.command('getScheduler', { queue: commands.queue, scheduler: id }),
  );
  if (result.ok && result.type === 'scheduler') return shown(result);
  if (!result.ok && result.code === 'SCHEDULER_NOT_FOUND') return undefined;
  throw unexpectedResult(result);
}

/** In the order of their next jobs, page by page. No snapshot: those that are removed meanwhile are left out. */
export async function listSchedulers<Data>(
  commands: QueueCommands,
  start: number,
  end: number,
  isAscending: boolean,
): Promise<JobSchedulerJson<Data>[]> {
  checkOptions(aPosition, start, ['start']);
  checkOptions(aPosition, end, ['end']);
  checkOptions(aBoolean, isAscending, ['asc']);
  const total = start < 0 || end < -1 ? await countSchedulers(commands) : 0;
  const first = start < 0 ? Math.max(0, total + start) : start;
  const last = end === -1 ? Number.POSITIVE_INFINITY : end < 0 ? total + end : end;
  const found: JobSchedulerJson<Data>[] = [];
  for (const ids of chunksOf(await idsBetween(commands, first, last, isAscending), SCHEDULERS_PER_REQUEST)) {
    const page = await Promise.all(ids.map((id) => findScheduler<Data>(commands, id)));
    found.push(...page.filter((one) => one !== undefined));
  }
  return found;
}

export async function countSchedulers(commands: QueueCommands): Promise<number> {
  return (await pageOf(commands, 0, 1, true)).total;
}

/** @returns whether the queue had it. */
export async function removeScheduler(commands: QueueCommands, id: string): Promise<boolean> {
  checkOptions(ID, id, ['jobSchedulerId']);
  const result = await commands.send((encoder) => encoder.command('removeScheduler', { queue: commands.queue, scheduler: id }));
  if (result.ok && result.type === 'done') return true;
  if (!result.ok && result.code === 'SCHEDULER_NOT_FOUND') return false;
  throw unexpectedResult(result);
}

/** Removes those that are there now. */
export async function removeAllSchedulers(commands: QueueCommands): Promise<void> {
  const ids = await idsBetween(commands, 0, Number.POSITIVE_INFINITY, true);
  for (const part of chunksOf(ids, IDS_PER_REQUEST)) await Promise.all(part.map((id) => removeScheduler(commands, id)));
}

async function idsBetween(commands: QueueCommands, first: number, last: number, isAscending: boolean): Promise<string[]> {
  const ids = new Set<string>();
  for (let start = first; start <= last; ) {
    const { schedulers } = await pageOf(commands, start, Math.min(last - start + 1, IDS_PER_REQUEST), isAscending);
    if (schedulers.length === 0) break;
    for (const id of schedulers) ids.add(id);
    start += schedulers.length;
  }
  return [...ids];
}

async function pageOf(commands: QueueCommands, start: number, countMax: number, isAscending: boolean) {
  const page = { queue: commands.queue, isDescending: !isAscending, start, countMax };
  const result = await commands.query('linearizable', (encoder) => encoder.command('schedulerIds', page));
  if (result.ok && result.type === 'schedulerIds') return result;
  throw unexpectedResult(result);
}

function* chunksOf<Item>(items: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}

/** NaN for a value that is no date. */
const timeOf = (value: unknown): number =>
  value instanceof Date || typeof value === 'string' || typeof value === 'number' ? new Date(value).getTime() : Number.NaN;

const schedulerOf = (id: string, repeat: RepeatOptions): SchedulerOptions => ({
  scheduler: id,
  everyMs: repeat.every ?? 0,
  offsetMs: repeat.offset ?? NO_OFFSET,
  pattern: repeat.pattern ?? '',
  tz: repeat.tz ?? '',
  startMs: repeat.startDate === undefined ? 0 : timeOf(repeat.startDate),
  endMs: repeat.endDate === undefined ? 0 : timeOf(repeat.endDate),
  ticksMax: repeat.limit ?? 0,
  isImmediate: repeat.immediately ?? false,
});

function shown<Data>({ payload, policy, priority, ...detail }: SchedulerDetail): JobSchedulerJson<Data> {
  const { backoff, backoffMs, ...shared } = policy;
  const added = { ...shared, priority, delayMs: 0, backoff: { type: BACKOFF_TYPES[backoff] ?? 'none', delayMs: backoffMs } };
  const { delay, ...opts }: JobOptions = jobOptionsOf(added);
  return {
    key: detail.scheduler,
    name: decodeName(payload),
    iterationCount: detail.ticks,
    ...(detail.nextMs === NO_TICK ? {} : { next: detail.nextMs }),
    ...(detail.everyMs === 0 ? {} : { every: detail.everyMs }),
    ...(detail.offsetMs === NO_OFFSET ? {} : { offset: detail.offsetMs }),
    ...(detail.pattern === '' ? {} : { pattern: detail.pattern }),
    ...(detail.tz === '' ? {} : { tz: detail.tz }),
    ...(detail.ticksMax === 0 ? {} : { limit: detail.ticksMax }),
    ...(detail.startMs === 0 ? {} : { startDate: detail.startMs }),
    ...(detail.endMs === 0 ? {} : { endDate: detail.endMs }),
    // The only cast: the queue's type parameters define the data of its jobs.
    template: { data: decodeData(payload) as Data, opts },
  };
}
