import { BEFORE_ALL_JOBS, BEHIND_ALL_JOBS } from '../../protocol/job-order.ts';
import { JOB_STATES } from '../../protocol/job-state.ts';
import type { Calls, ClaimResult, JobKey } from '../functions.ts';
import type { HistoryOperation, OperationOf } from '../operation.ts';
import { ABSENT, JobModel, type JobModelOptions, type JobOperation, type JobSource, type JobState, takenUnseen } from './job-model.ts';
import type { Moment, SequentialModel } from './linearizability.ts';

/** A job in the queue's state. */
interface QueuedJob {
  readonly key: JobKey;
  /** Zero while it is unknown: its add is of unknown outcome. */
  readonly id: number;
  /** While the id is unknown: the ids of the adds before and after it. */
  readonly idAbove: number;
  readonly idBelow: number;
  readonly queue: string;
  readonly priority: number;
  readonly isLifo: boolean;
  readonly state: JobState;
  readonly model: JobModel;
}

/** All queues of a cluster as one sequential object. */
export interface QueueState {
  /** In the order of their adds, without removed ones. */
  readonly jobs: readonly QueuedJob[];
  readonly lastId: number;
  readonly lastToken: number;
  /** The queues that are paused. */
  readonly paused: readonly string[];
  /** The limits of each queue that has or had some. */
  readonly paces: Readonly<Record<string, Pace>>;
}

/** What limits the claims of a queue. */
interface Pace {
  /** How many jobs may be active; 0 for any number. */
  readonly concurrencyMax: number;
  /** How many jobs claims take within `rateMs`; 0 for any number. */
  readonly rateMax: number;
  readonly rateMs: number;
  /** Claims may take nothing, or jobs under the limit of an earlier claim, for a time: log time, of which a history shows no bound. */
  readonly isHeld: boolean;
}

const NO_LIMIT = 0;
const NO_PACE: Pace = Object.freeze({ concurrencyMax: NO_LIMIT, rateMax: NO_LIMIT, rateMs: 1, isHeld: false });

/** Values that are the same for all jobs. */
export type QueueModelOptions = Pick<JobModelOptions, 'leases' | 'delayErrorUs' | 'isCounting'>;

/** More jobs than this that a claim of unknown outcome may or may not have found waiting are not tried in every combination. */
const UNSURE_MAX = 5;

const READS: ReadonlySet<HistoryOperation['f']> = new Set([
  'counts',
  'getJob',
  'getLogs',
  'jobIds',
  'isPaused',
  'concurrency',
  'rateLimit',
] as const);

/** The whole queue, for short histories: states are compared by all their fields. */
export class QueueModel implements SequentialModel<QueueState, HistoryOperation> {
  readonly initial: QueueState = { jobs: [], lastId: 0, lastToken: 0, paused: [], paces: {} };
  readonly #options: QueueModelOptions;
  #isIncomplete = false;

  constructor(options: QueueModelOptions) {
    this.#options = options;
  }

  /** Some outcomes were not tried, so that a failed search proves nothing. */
  get isIncomplete(): boolean {
    return this.#isIncomplete;
  }

  isTimed({ f }: HistoryOperation): boolean {
    return !READS.has(f);
  }

  keyOf({ jobs, lastId, lastToken, paused, paces }: QueueState): string {
    return `${lastId} ${lastToken} ${JSON.stringify([paused, paces])} ${jobs.map(keyOfJob).join(' ')}`;
  }

  step(state: QueueState, operation: HistoryOperation, moment: Moment): readonly QueueState[] {
    switch (operation.f) {
      case 'add':
        return this.#add(state, operation, moment);
      case 'claim':
        return operation.result === undefined
          ? this.#unknownClaim(state, operation, moment)
          : this.#claim(state, operation, operation.result.jobs, moment);
      case 'counts':
        return operation.result === undefined || this.#mayCount(state, operation, moment) ? [state] : [];
      case 'getJob':
        return this.#read(state, operation, moment);
      case 'getLogs':
        if (operation.result === undefined || (operation.call.consistency ?? 'linearizable') !== 'linearizable') return [state];
        return placesOf(state, operation.call.job, undefined).flatMap((at) =>
          this.#onJob(state, at, jobOperation(operation), moment, operation.call.job),
        );
      case 'pause':
        return [{ ...state, paused: [...state.paused.filter((queue) => queue !== operation.call.queue), ...pausedBy(operation)] }];
      case 'setConcurrency':
      case 'setRateLimit':
      case 'holdClaims':
        return [withPace(state, operation)];
      case 'concurrency':
      case 'rateLimit':
        return isLimitOf(operation, state) ? [state] : [];
      case 'jobIds':
        return this.#mayList(state, operation, moment) ? [state] : [];
      case 'isPaused':
        return isTrueOf(operation, state) ? [state] : [];
      case 'releaseHolder':
        return this.#releaseHolder(state, operation, moment);
      case 'upsertScheduler':
      case 'removeScheduler':
      case 'removeDeduplication':
        return [state];
      default: {
        const changed = operation.f === 'changePriority' ? { priority: operation.call.priority } : {};
        return placesOf(state, operation.call.job, undefined).flatMap((at) =>
          this.#onJob(state, at, jobOperation(operation), moment, operation.call.job, changed),
        );
      }
    }
  }

  #add(state: QueueState, operation: OperationOf<'add'>, moment: Moment): QueueState[] {
    const { key, queue, priority = 0, isLifo = false } = operation.call;
    const id = operation.result?.job ?? 0;
    if (id !== 0 && id <= state.lastId) return [];
    const model = new JobModel({ terms: operation.call, unknownClaimsAt: [], ...this.#options });
    const before =
      id === 0 ? state.jobs : state.jobs.map((job) => (job.idBelow === Number.POSITIVE_INFINITY ? { ...job, idBelow: id } : job));
    const place = { id, idAbove: state.lastId, idBelow: id === 0 ? Number.POSITIVE_INFINITY : id };
    return model.step(ABSENT, jobOperation(operation), moment).map((added) => ({
      ...state,
      jobs: [...before, { key, ...place, queue, priority, isLifo, state: added, model }],
      lastId: Math.max(state.lastId, id),
    }));
  }

  /** A claim that returned these jobs: each must have been claimable, and no job that is ahead of them may have been left. */
  #claim(state: QueueState, operation: OperationOf<'claim'>, claimed: readonly ClaimResult[], moment: Moment): QueueState[] {
    const { queue, countMax, waitMs = 0 } = operation.call;
    // The reply to a claim whose wait ended without a job comes from one node and says nothing about the queue.
    if (claimed.length === 0 && waitMs > 0) return [state];
    if (state.paused.includes(queue)) return claimed.length === 0 ? [state] : [];
    if (claimed.length > countMax) return [];
    let next = state;
    const taken: number[] = [];
    for (const job of claimed) {
      const [at = -1] = placesOf(next, job.job, job.key);
      const found = next.jobs[at];
      if (found?.queue !== queue || (job.key ?? found.key) !== found.key || job.token <= next.lastToken) return [];
      const [after] = this.#onJob(next, at, { ...spanOf(operation), source: { ...job, operation } }, moment, job.job);
      if (after === undefined) return [];
      next = { ...after, lastToken: job.token };
      taken.push(at);
    }
    const pace = state.paces[queue] ?? NO_PACE;
    if (claimed.length > 0 && this.#isExceeded(pace, next, operation.call, claimed.length, moment)) return [];
    if (claimed.length > 0) next = afterLimiter(next, operation);
    if (taken.some((at, place) => place > 0 && servedBefore(next, at, taken[place - 1] as number))) return [];
    const last = taken.at(-1);
    const mayBeShort =
      (isLimited(pace) || operation.call.limiterMax !== undefined) &&
      this.#mayEndClaim(state, pace, operation.call, claimed.length, moment);
    const isPassedOver = state.jobs.some((job, at) => {
      if (job.queue !== queue || taken.includes(at) || !isSurelyWaiting(job)) return false;
      if (last !== undefined && servedBefore(next, at, last)) return true;
      return claimed.length < countMax && !mayBeShort;
    });
    return isPassedOver ? [] : [next];
  }

  /** Whether a claim took more than a limit of its queue allows. @param state after it. */
  #isExceeded(
    { concurrencyMax, rateMax, isHeld }: Pace,
    state: QueueState,
    { queue, limiterMax }: Calls['claim'],
    claimed: number,
    moment: Moment,
  ): boolean {
    const isOwnRate = rateMax !== NO_LIMIT && limiterMax === undefined && !isHeld;
    if (isOwnRate && claimed > rateMax) return true;
    return concurrencyMax !== NO_LIMIT && this.#active(state, queue, moment).sure > concurrencyMax;
  }

  /** Whether the claim need take no more than these jobs although others wait, since their queue has a limit. @param state before it. */
  #mayEndClaim(state: QueueState, pace: Pace, call: Calls['claim'], claimed: number, moment: Moment): boolean {
    const { queue, countMax, beginMax = countMax, limiterMax } = call;
    if (claimed >= Math.max(1, beginMax) || pace.rateMax !== NO_LIMIT || pace.isHeld) return true;
    if (limiterMax !== undefined && claimed >= limiterMax) return true;
    if (pace.concurrencyMax === NO_LIMIT) return false;
    return this.#active(state, queue, moment).possible + claimed >= pace.concurrencyMax;
  }

  /** How many jobs of the queue are active: surely, and possibly. */
  #active(state: QueueState, queue: string, moment: Moment): { readonly sure: number; readonly possible: number } {
    const visible = state.jobs.filter((job) => job.queue === queue).map(({ model, state: job }) => model.visibleStates(job, moment));
    const active = visible.filter((states) => states.has('active'));
    return { sure: active.filter(({ size }) => size === 1).length, possible: active.length };
  }

  /** A claim with an unknown result: it got the first jobs of the order, possibly including those whose lease or delay had just ended. */
  #unknownClaim(state: QueueState, operation: OperationOf<'claim'>, moment: Moment): QueueState[] {
    const { queue, countMax, leaseMs } = operation.call;
    if (state.paused.includes(queue)) return [state];
    const claimable = state.jobs
      .map((job, at) => ({ job, at, taken: takenStates(job, this.#options.leases.overUs(moment.notBeforeUs, leaseMs), moment) }))
      .filter(({ job, taken }) => job.queue === queue && taken.length > 0)
      .sort((a, b) => (servedBefore(state, a.at, b.at) ? -1 : 1));
    const unsure = claimable.filter(({ job }) => !isSurelyWaiting(job)).length;
    if (unsure > UNSURE_MAX) {
      this.#isIncomplete = true;
      return [];
    }
    const mayBeShort = isLimited(state.paces[queue] ?? NO_PACE) || operation.call.limiterMax !== undefined;
    let outcomes: { readonly state: QueueState; readonly taken: number }[] = [{ state, taken: 0 }];
    const ended: QueueState[] = mayBeShort ? [state] : [];
    for (const { job, at, taken } of claimable) {
      outcomes = outcomes.flatMap((outcome) => {
        if (outcome.taken === countMax) return [outcome];
        const chosen = taken.map((after) => ({ state: withJob(outcome.state, at, { ...job, state: after }), taken: outcome.taken + 1 }));
        // Under a limit it may have ended with any of them.
        if (mayBeShort) for (const one of chosen) ended.push(one.state);
        return isSurelyWaiting(job) ? chosen : [...chosen, outcome];
      });
    }
    return [...ended, ...outcomes.map((outcome) => outcome.state)].map((after) => afterLimiter(after, operation));
  }

  /** All leases of a holder end, and some of those whose holder is unknown. */
  #releaseHolder(state: QueueState, operation: OperationOf<'releaseHolder'>, moment: Moment): QueueState[] {
    let outcomes: readonly QueueState[] = [state];
    const active = state.jobs.flatMap(({ state: job }, at) => (job.phase === 'active' ? [at] : []));
    if (active.filter((at) => state.jobs[at]?.state.holder === undefined).length > UNSURE_MAX) {
      this.#isIncomplete = true;
      return [];
    }
    for (const at of active) outcomes = outcomes.flatMap((outcome) => this.#onJob(outcome, at, jobOperation(operation), moment, 0));
    return [...outcomes];
  }

  #read(state: QueueState, operation: OperationOf<'getJob'>, moment: Moment): readonly QueueState[] {
    const { call, result } = operation;
    if (result === undefined || (call.consistency ?? 'linearizable') !== 'linearizable') return [state];
    const places = placesOf(state, call.job, result.key).filter((at) => result.key === undefined || state.jobs[at]?.key === result.key);
    const found = places.flatMap((at) => this.#onJob(state, at, jobOperation(operation), moment, call.job));
    const isAbsent = result.state === null && state.jobs.every(({ id }) => id !== call.job);
    return isAbsent ? [state, ...found] : found;
  }

  /** @param id the job's id, if the operation shows it. @param changed what else the operation changes. */
  #onJob(
    state: QueueState,
    at: number,
    operation: JobOperation,
    moment: Moment,
    id: number,
    changed: Partial<Pick<QueuedJob, 'priority'>> = {},
  ): QueueState[] {
    const job = state.jobs[at];
    if (job === undefined || (id !== 0 && !mayHaveId(state, at, id))) return [];
    const known = { ...job, ...changed, id: id === 0 ? job.id : id };
    return job.model
      .step(job.state, operation, moment)
      .map((after) => withJob({ ...state, lastId: Math.max(state.lastId, id) }, at, { ...known, state: after }));
  }

  /** Whether the numbers lie between the certain minimum and the possible maximum. */
  #mayCount(state: QueueState, { call, result }: OperationOf<'counts'>, moment: Moment): boolean {
    if (result === undefined || (call.consistency ?? 'linearizable') !== 'linearizable') return true;
    const jobs = state.jobs.filter(({ queue }) => queue === call.queue).map(({ model, state: job }) => model.visibleStates(job, moment));
    return (['delayed', 'waiting', 'active', 'completed', 'failed'] as const).every((name) => {
      const count = result[name];
      const sure = jobs.filter((visible) => visible.size === 1 && visible.has(name)).length;
      const possible = jobs.filter((visible) => visible.has(name)).length;
      return count === undefined || (count >= sure && count <= possible);
    });
  }

  /**
   * Whether each listed job may be in the state, they are in its order, and no job that surely is in it was left out. The order of delayed and
   * of finished jobs follows times that a history does not show.
   */
  #mayList(state: QueueState, { call, result }: OperationOf<'jobIds'>, moment: Moment): boolean {
    if (result === undefined || (call.consistency ?? 'linearizable') !== 'linearizable') return true;
    const { ids } = result;
    const name = JOB_STATES[call.state] ?? '';
    const visible = state.jobs.map(({ queue, model, state: job }) => (queue === call.queue ? model.visibleStates(job, moment) : INVISIBLE));
    const places = ids.map((id) => state.jobs.findIndex((_, at) => visible[at]?.has(name) === true && mayHaveId(state, at, id)));
    if (places.includes(-1) || new Set(ids).size < ids.length || ids.length > call.countMax) return false;
    const isWaiting = name === 'waiting';
    const isOrdered = isWaiting || name === 'active';
    const isFirst = (one: number, other: number): boolean => (isWaiting ? servedBefore(state, one, other) : one < other);
    const comesBefore = (one: number, other: number): boolean => (call.isDescending ? isFirst(other, one) : isFirst(one, other));
    if (isOrdered && places.some((at, place) => place > 0 && comesBefore(at, places[place - 1] as number))) return false;
    const begin = call.isDescending ? BEHIND_ALL_JOBS : BEFORE_ALL_JOBS;
    if (call.start > 0 || call.afterRank !== begin.rank) return true;
    const last = places.at(-1);
    const isFull = ids.length === call.countMax;
    return state.jobs.every(({ id }, at) => {
      const isSure = id !== 0 && visible[at]?.size === 1 && visible[at]?.has(name) === true;
      if (!isSure || places.includes(at)) return true;
      return isFull && (!isOrdered || last === undefined || comesBefore(last, at));
    });
  }
}

/** The states of a job of another queue. */
const INVISIBLE: ReadonlySet<string> = new Set();

const pausedBy = ({ call }: OperationOf<'pause'>): readonly string[] => (call.isPaused ? [call.queue] : []);

const isTrueOf = ({ call, result }: OperationOf<'isPaused'>, { paused }: QueueState): boolean =>
  result === undefined || call.consistency === 'stale' || result.isPaused === paused.includes(call.queue);

const isLimited = ({ concurrencyMax, rateMax, isHeld }: Pace): boolean => concurrencyMax !== NO_LIMIT || rateMax !== NO_LIMIT || isHeld;

function withPace(
  state: QueueState,
  { call }: OperationOf<'setConcurrency'> | OperationOf<'setRateLimit'> | OperationOf<'holdClaims'>,
): QueueState {
  const { queue, ...changed } = call;
  const before = state.paces[queue] ?? NO_PACE;
  const pace = 'holdMs' in changed ? { ...before, isHeld: changed.holdMs > 0 } : { ...before, ...changed };
  return { ...state, paces: { ...state.paces, [queue]: pace } };
}

/** The limit that a claim brings may hold later ones back. */
function afterLimiter(state: QueueState, { call: { queue, limiterMax } }: OperationOf<'claim'>): QueueState {
  if (limiterMax === undefined) return state;
  return { ...state, paces: { ...state.paces, [queue]: { ...(state.paces[queue] ?? NO_PACE), isHeld: true } } };
}

function isLimitOf({ call, result }: OperationOf<'concurrency'> | OperationOf<'rateLimit'>, { paces }: QueueState): boolean {
  if (result === undefined || call.consistency === 'stale') return true;
  const pace = paces[call.queue] ?? NO_PACE;
  if ('concurrencyMax' in result) return result.concurrencyMax === pace.concurrencyMax;
  return result.rateMax === pace.rateMax && (pace.rateMax === NO_LIMIT || result.rateMs === pace.rateMs);
}

const spanOf = ({ invokedAt, returnedAt, invokedUs, returnedUs }: HistoryOperation) => ({ invokedAt, returnedAt, invokedUs, returnedUs });

const jobOperation = (operation: JobSource): JobOperation => ({
  ...spanOf(operation),
  source: operation,
});

const isSurelyWaiting = ({ state }: QueuedJob): boolean => state.phase === 'pending' && !state.mayBeDelayed;

/** The positions that a job may have: by its id; by its key, or any, among those whose id is unknown. */
function placesOf({ jobs }: QueueState, id: number, key: JobKey | undefined): number[] {
  const byId = jobs.findIndex((job) => job.id === id);
  if (byId >= 0) return [byId];
  return jobs.flatMap((job, at) => (job.id === 0 && (key === undefined || job.key === key) ? [at] : []));
}

/** Ids are given in the order of the adds. */
function mayHaveId({ jobs }: QueueState, at: number, id: number): boolean {
  const job = jobs[at];
  if (job === undefined || job.id === id) return job !== undefined;
  if (job.id !== 0 || id <= job.idAbove || id >= job.idBelow) return false;
  return jobs.every((other, place) => other.id === 0 || (place < at ? other.id < id : other.id > id));
}

const keyOfJob = ({ key, id, idAbove, idBelow, priority, state, model }: QueuedJob): string =>
  `${JSON.stringify(key)}:${id === 0 ? `${idAbove}-${idBelow}` : id}:${priority}:${model.keyOf(state)}`;

/** By priority; within one, those with lifo, newest first, then the others, oldest first. */
function servedBefore({ jobs }: QueueState, one: number, other: number): boolean {
  const first = jobs[one];
  const second = jobs[other];
  if (first === undefined || second === undefined) return false;
  if (first.priority !== second.priority) return first.priority < second.priority;
  if (first.isLifo !== second.isLifo) return first.isLifo;
  return first.isLifo ? one > other : one < other;
}

function withJob(state: QueueState, at: number, job: QueuedJob): QueueState {
  const jobs = job.state.phase === 'removed' ? state.jobs.toSpliced(at, 1) : state.jobs.with(at, job);
  return { ...state, jobs };
}

/** The job under the lease of an unknown worker, if it can have been claimed. */
function takenStates({ state, model }: QueuedJob, dueUs: number, moment: Moment): JobState[] {
  return model
    .reachable(state, moment)
    .filter((from) => from.phase === 'pending' && model.isDue(from, moment) && model.hasAttempts(from))
    .flatMap((from) => takenUnseen(from, dueUs));
}
