import { z } from 'zod';
import { BEFORE_ALL_JOBS, BEHIND_ALL_JOBS, type JobPlace } from '../../protocol/job-order.ts';
import { type QueueCounts, StateCode } from '../../protocol/job-state.ts';
import type { JobDetail } from '../../protocol/reply.ts';
import { aBoolean, checkOptions, integerIn, optionsOf } from '../option-check.ts';
import { unexpectedResult } from '../result-errors.ts';
import type { QueueCommands } from './job-commands.ts';
import { aConsistency, type ReadOptions } from './read-options.ts';

/** A state whose jobs can be listed. */
export type ListedState = keyof QueueCounts;

/** Which jobs of each state are listed, and in what direction. */
export interface ListOptions extends ReadOptions {
  /** Position of the first job, from 0 on; a negative number counts from the end, -1 is the last job. Default 0. */
  readonly start?: number;
  /** Position of the last job, which is included; likewise. Default -1. */
  readonly end?: number;
  /** True: in the order of the state. Default false: backwards. */
  readonly asc?: boolean;
}

/** In the order of BullMQ. */
const LISTED_STATES = ['active', 'completed', 'delayed', 'failed', 'waiting', 'waiting-children'] as const satisfies readonly ListedState[];

/** Ids in one request; a node may return fewer. */
const IDS_PER_REQUEST = 5_000;
/** Jobs in one request. */
const JOBS_PER_REQUEST = 1_000;
const POSITION_MAX = 2 ** 32 - 1;

const STATE_REMEDY =
  `Give ${LISTED_STATES.map((state) => `'${state}'`).join(', ')}, a list of them, or nothing for all. ` +
  "Jobs that BullMQ calls 'prioritized' or 'paused' are 'waiting'.";
const aState = z.enum(LISTED_STATES, { error: STATE_REMEDY });
const STATES = z.union([aState, z.array(aState, { error: STATE_REMEDY })], { error: STATE_REMEDY }).optional();
const aPosition = integerIn(-POSITION_MAX, POSITION_MAX).optional();
const OPTIONS = optionsOf(
  { start: aPosition, end: aPosition, asc: aBoolean.optional(), consistency: aConsistency } satisfies Record<keyof ListOptions, z.ZodType>,
  'Give an object { start, end, asc, consistency }.',
);

/** Without repetitions; without any, all of them. @throws {InvalidOptionError} */
export function listedStates(states: ListedState | readonly ListedState[] = LISTED_STATES): ReadonlySet<ListedState> {
  checkOptions(STATES, states, ['states']);
  const listed = typeof states === 'string' ? [states] : states;
  return new Set(listed.length === 0 ? LISTED_STATES : listed);
}

/**
 * The jobs of some states, page by page. No snapshot: see Queue.getJobs.
 * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError | ClientClosedError}
 */
export async function listJobs(
  commands: QueueCommands,
  states?: ListedState | readonly ListedState[],
  options: ListOptions = {},
): Promise<JobDetail[]> {
  const listed = listedStates(states);
  checkOptions(OPTIONS, options);
  const found = new Map<number, JobDetail>();
  for (const state of listed) {
    const listing = new JobList(commands, state, options);
    for await (const details of listing.pages()) for (const detail of details) if (!found.has(detail.id)) found.set(detail.id, detail);
  }
  return [...found.values()];
}

/**
 * The listing of one state.
 * @param jobsPerRequest they are all in memory at the same time.
 */
export class JobList {
  readonly #commands: QueueCommands;
  readonly #state: ListedState;
  readonly #options: Required<ListOptions>;
  readonly #jobsPerRequest: number;

  constructor(commands: QueueCommands, state: ListedState, options: ListOptions, jobsPerRequest = JOBS_PER_REQUEST) {
    this.#commands = commands;
    this.#state = state;
    this.#jobsPerRequest = jobsPerRequest;
    const { start = 0, end = -1, asc = false, consistency = 'linearizable' } = options;
    this.#options = { start, end, asc, consistency };
  }

  /** The jobs that still exist when they are read, a page after the other. */
  async *pages(): AsyncGenerator<readonly JobDetail[]> {
    for await (const ids of this.ids()) {
      for (let at = 0; at < ids.length; at += this.#jobsPerRequest) {
        // Reads of one turn are one request.
        const details = ids.slice(at, at + this.#jobsPerRequest).map((id) => this.#commands.find(id, this.#options.consistency));
        yield (await Promise.all(details)).filter((detail) => detail !== undefined);
      }
    }
  }

  /** The ids, a page after the other, each behind the last one: what changes meanwhile moves no place. */
  async *ids(): AsyncGenerator<readonly number[]> {
    // A node of an earlier release does not know the state.
    if (this.#state === 'waiting-children' && (await this.#total()) === 0) return;
    let { start, count } = await this.#range();
    let after = this.#options.asc ? BEFORE_ALL_JOBS : BEHIND_ALL_JOBS;
    while (count > 0) {
      const { ids, skipped, isOver, rank, tie } = await this.#page(after, start, Math.min(count, IDS_PER_REQUEST));
      yield ids;
      if (isOver) return;
      start -= skipped;
      count -= ids.length;
      after = { rank, tie };
    }
  }

  /** Positions that count from the end become positions from the beginning. */
  async #range(): Promise<{ start: number; count: number }> {
    const { start, end } = this.#options;
    const total = start < 0 || end < -1 ? await this.#total() : 0;
    const first = start < 0 ? Math.max(0, total + start) : start;
    if (end === -1) return { start: first, count: Number.POSITIVE_INFINITY };
    return { start: first, count: (end < 0 ? total + end : end) - first + 1 };
  }

  async #total(): Promise<number> {
    return (await this.#commands.counts(this.#options.consistency))[this.#state];
  }

  async #page(after: JobPlace, start: number, countMax: number) {
    const { asc, consistency } = this.#options;
    const place = { afterRank: after.rank, afterTie: after.tie };
    const listing = { queue: this.#commands.queue, state: StateCode[this.#state], isDescending: !asc, ...place, start, countMax };
    const result = await this.#commands.query(consistency, (encoder) => encoder.command('jobIds', listing));
    if (result.ok && result.type === 'jobIds') return result;
    throw unexpectedResult(result);
  }
}
