import type { JobCounts, JobState } from '../../src/protocol/job-state.ts';
import type { AddOptions, ClaimOptions, SchedulerOptions } from '../../src/protocol/request-encoder.ts';
import type { SchedulerTick } from '../../src/protocol/scheduler.ts';

/** A job of the reference model: only the fields of the design. */
export interface ModelJob {
  readonly id: number;
  readonly queue: string;
  payload: string;
  readonly options: AddOptions;
  priority: number;
  readonly addedMs: number;
  readonly tick: SchedulerTick | undefined;
  state: JobState;
  attempt: number;
  isBegun: boolean;
  stalls: number;
  stalledMax: number;
  leaseMs: number;
  holder: number;
  token: number;
  dueMs: number;
  finishedAs: number;
  finishedMs: number;
  /** 0 without a limit. */
  keptUntilMs: number;
  outcome: string | undefined;
  progress: string | undefined;
  logs: readonly string[];
}

export interface ModelRate {
  readonly max: number;
  readonly ms: number;
}

interface ModelWindow {
  left: number;
  taken: number;
  endMs: number;
  /** It is one of the limit of the queue. */
  isOfQueue: boolean;
  readonly isHold: boolean;
}

/** A job scheduler of the reference model; one with an interval. */
interface ModelScheduler extends SchedulerOptions {
  readonly queue: string;
  readonly payload: string;
  readonly options: AddOptions;
  readonly setAs: number;
  nextMs: number;
  ticks: number;
}

/** A deduplication id that is taken. */
interface ModelDeduplication {
  readonly queue: string;
  readonly id: string;
  readonly job: number;
  readonly customId: string;
  /** 0 for when the job ends. */
  endMs: number;
}
/** Most rows of a log. */
export const LOG_ROWS = 40;

export type Reply = 'done' | 'LEASE_LOST' | 'JOB_NOT_FOUND' | 'JOB_STATE' | 'SCHEDULER_NOT_FOUND' | 'TRANSACTION_CONFLICT';

/**
 * The simplest form of the queue: a list of jobs that every operation searches. Slow and obviously correct, for comparison with
 * the real one.
 */
export class ModelQueue {
  jobs: ModelJob[] = [];
  schedulers: ModelScheduler[] = [];
  nowMs: number;
  /** When all leases began a fresh term. */
  epochMs = 0;
  #added = 0;
  #set = 0;
  #claims = 0;
  #finished = 0;
  #deduplications: ModelDeduplication[] = [];
  /** The adds that wait for the end of an active job, by this. */
  #kept = new Map<number, { readonly queue: string; readonly payload: string; readonly options: AddOptions }>();
  /** In a transaction: the jobs that its operations name. */
  #named: ReadonlySet<number> = new Set();
  readonly #paused = new Set<string>();
  readonly #concurrency = new Map<string, number>();
  readonly #rates = new Map<string, ModelRate>();
  /** The time of each queue in which claims take no more than so many jobs. */
  readonly #windows = new Map<string, ModelWindow>();

  /** When the recording of the events of each queue ends. */
  readonly #recordedUntil = new Map<string, number>();

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  add(queue: string, payload: string, options: AddOptions): number {
    const { customId } = options;
    const known = this.jobs.find((job) => customId !== undefined && job.queue === queue && job.options.customId === customId);
    return known?.id ?? this.#insert(queue, payload, options, undefined);
  }

  addDeduplicated(queue: string, payload: string, options: AddOptions): object {
    const { customId, deduplication } = options;
    if (deduplication === undefined) throw new Error('the add is not deduplicated');
    const { id, ttlMs, isExtending, isReplacing, keepsLast } = deduplication;
    const known = this.jobs.find((one) => customId !== undefined && one.queue === queue && one.options.customId === customId);
    if (known !== undefined) return { type: 'added', id: known.id };
    const holder = this.deduplicationOf(queue, id);
    const job = holder === undefined ? undefined : this.find(holder.job);
    const newEndMs = keepsLast || ttlMs === 0 ? 0 : this.nowMs + ttlMs;
    let endMs = newEndMs;
    if (holder !== undefined && isReplacing && job?.state === 'delayed') {
      if (newEndMs !== 0 && !isExtending) endMs = holder.endMs;
      this.#removeJob(job);
    } else if (holder !== undefined) {
      const isLive = job !== undefined && job.state !== 'completed' && job.state !== 'failed';
      if (keepsLast && job?.state === 'active') {
        this.#kept.set(job.id, { queue, payload, options });
        holder.endMs = 0;
      } else if (isExtending && !isReplacing && ttlMs > 0 && (!keepsLast || isLive)) holder.endMs = newEndMs;
      return { type: 'deduplicated', id: holder.job, customId: holder.customId };
    }
    const added = this.#insert(queue, payload, options, undefined);
    this.#deduplications = this.#deduplications.filter((one) => one.queue !== queue || one.id !== id);
    this.#deduplications.push({ queue, id, job: added, customId: customId ?? '', endMs });
    return { type: 'added', id: added };
  }

  /** The one that is taken now. */
  deduplicationOf(queue: string, id: string): ModelDeduplication | undefined {
    return this.#deduplications.find((one) => one.queue === queue && one.id === id && (one.endMs === 0 || one.endMs > this.nowMs));
  }

  /** @param job 0 for any. @returns whether the id was taken. */
  freeDeduplication(queue: string, id: string, job: number): boolean {
    const holder = this.deduplicationOf(queue, id);
    if (holder === undefined || (job !== 0 && holder.job !== job)) return false;
    this.#deduplications = this.#deduplications.filter((one) => one !== holder);
    return true;
  }

  #insert(queue: string, payload: string, options: AddOptions, tick: SchedulerTick | undefined): number {
    this.#added += 1;
    const isDelayed = options.delayMs > 0;
    this.jobs.push({
      id: this.#added,
      queue,
      payload,
      options,
      priority: options.priority,
      addedMs: this.nowMs,
      tick,
      state: isDelayed ? 'delayed' : 'waiting',
      attempt: 0,
      isBegun: false,
      stalls: 0,
      stalledMax: 0,
      leaseMs: 0,
      holder: 0,
      token: 0,
      dueMs: this.nowMs + options.delayMs,
      finishedAs: 0,
      finishedMs: 0,
      keptUntilMs: 0,
      outcome: undefined,
      progress: undefined,
      logs: [],
    });
    return this.#added;
  }

  claim(queue: string, { countMax, beginMax, leaseMs, stalledMax, holder, limiter }: ClaimOptions): ModelJob[] {
    const waiting = this.jobs.filter((job) => job.queue === queue && job.state === 'waiting' && !this.isPaused(queue));
    waiting.sort(inOrderOfClaims);
    const claimed = waiting.slice(0, this.#allowed(queue, countMax, beginMax, limiter));
    let begun = 0;
    for (const job of claimed) {
      this.#claims += 1;
      this.#onTaken(queue, limiter);
      Object.assign(job, {
        state: 'active',
        token: this.#claims,
        dueMs: this.nowMs + leaseMs,
        leaseMs,
        stalledMax,
        holder,
        isBegun: false,
      });
      if (job.stalls > 0 || begun === beginMax) continue;
      begun += 1;
      begin(job);
    }
    return claimed;
  }

  /** How many jobs a claim takes at most. */
  #allowed(queue: string, countMax: number, beginMax: number, limiter: ClaimOptions['limiter']): number {
    const limit = this.concurrency(queue);
    const rate = this.#windows.get(queue)?.left ?? this.#nextRate(queue, limiter)?.max;
    if (limit === 0 && rate === undefined) return countMax;
    const active = limit === 0 ? Number.POSITIVE_INFINITY : limit - this.counts(queue).active;
    return Math.max(0, Math.min(countMax, Math.max(1, beginMax), active, rate ?? Number.POSITIVE_INFINITY));
  }

  /** The limit of the next window: that of the queue, else that of the claim. */
  #nextRate(queue: string, limiter: ClaimOptions['limiter']): (ModelRate & { readonly isOfQueue: boolean }) | undefined {
    const own = this.#rates.get(queue);
    if (own !== undefined) return { ...own, isOfQueue: true };
    return limiter && { max: limiter.max, ms: limiter.durationMs, isOfQueue: false };
  }

  #onTaken(queue: string, limiter: ClaimOptions['limiter']): void {
    const rate = this.#nextRate(queue, limiter);
    if (rate !== undefined && !this.#windows.has(queue))
      this.#windows.set(queue, { left: rate.max, taken: 0, endMs: this.nowMs + rate.ms, isOfQueue: rate.isOfQueue, isHold: false });
    const window = this.#windows.get(queue);
    if (window === undefined) return;
    window.left -= 1;
    window.taken += 1;
  }

  /**
   * All of the operations in their order, or none. Each of them names other jobs.
   * @returns what each of them returned; or the first that was rejected, after which everything is as before.
   */
  transact(
    operations: readonly (() => Reply | number)[],
    named: readonly number[],
  ): readonly (Reply | number)[] | { readonly operation: number; readonly code: Reply } {
    const before = { jobs: this.jobs, added: this.#added, finished: this.#finished };
    const taken = structuredClone(this.#deduplications);
    const kept = new Map(this.#kept);
    const restore = (): void => {
      this.jobs = structuredClone(before.jobs);
      this.#deduplications = structuredClone(taken);
      this.#kept = new Map(kept);
      this.#added = before.added;
      this.#finished = before.finished;
    };
    this.#named = new Set(named);
    // Each is checked against the state before all of them.
    for (const [operation, execute] of operations.entries()) {
      restore();
      const reply = execute();
      restore();
      for (const earlier of operations.slice(0, operation)) earlier();
      const inOrder = isApplied(reply) ? execute() : reply;
      if (isApplied(inOrder)) continue;
      restore();
      this.#named = new Set();
      return { operation, code: isApplied(reply) ? 'TRANSACTION_CONFLICT' : reply };
    }
    restore();
    const replies = operations.map((execute) => execute());
    this.#named = new Set();
    return replies;
  }

  markBegun(id: number, token: number): Reply {
    return this.#underLease(id, token, (job) => {
      if (!job.isBegun) begin(job);
    });
  }

  releaseHolder(holder: number): Reply {
    for (const job of this.jobs) if (job.state === 'active' && job.holder === holder) this.#endLease(job);
    return 'done';
  }

  extend(id: number, token: number, leaseMs: number): Reply {
    return this.#underLease(id, token, (job) => {
      Object.assign(job, { dueMs: this.nowMs + leaseMs, leaseMs });
    });
  }

  complete(id: number, token: number, result: string): Reply {
    return this.#underLease(id, token, (job) => {
      endAttempt(job);
      this.#finish(job, 'completed', result === '' ? undefined : result, job.options.keepCompleted);
    });
  }

  fail(id: number, token: number, reason: string, retry: boolean): Reply {
    return this.#underLease(id, token, (job) => {
      endAttempt(job);
      const { attemptsMax, backoff, keepFailed } = job.options;
      if (!retry || job.attempt === attemptsMax) {
        this.#finish(job, 'failed', reason, keepFailed);
        return;
      }
      const factor = backoff.type === 'exponential' ? 2 ** (job.attempt - 1) : 1;
      const pauseMs = backoff.type === 'none' ? 0 : backoff.delayMs * factor;
      Object.assign(job, { state: pauseMs > 0 ? 'delayed' : 'waiting', dueMs: this.nowMs + pauseMs, outcome: reason });
    });
  }

  release(id: number, token: number): Reply {
    return this.#underLease(id, token, (job) => {
      if (job.isBegun) job.attempt -= 1;
      Object.assign(job, { state: 'waiting', isBegun: false });
    });
  }

  retry(queue: string, id: number): Reply {
    const job = this.#findIn(queue, id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    if (job.state !== 'failed') return 'JOB_STATE';
    Object.assign(job, { state: 'waiting', attempt: 0, stalls: 0, outcome: undefined, keptUntilMs: 0 });
    return 'done';
  }

  remove(queue: string, id: number): Reply {
    const job = this.#findIn(queue, id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    if (job.state === 'active') return 'JOB_STATE';
    this.#removeJob(job);
    return 'done';
  }

  promote(queue: string, id: number): Reply {
    const job = this.#findIn(queue, id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    if (job.state !== 'delayed') return 'JOB_STATE';
    job.state = 'waiting';
    return 'done';
  }

  changePriority(queue: string, id: number, priority: number): Reply {
    const job = this.#findIn(queue, id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    if (job.state !== 'waiting' && job.state !== 'delayed') return 'JOB_STATE';
    job.priority = priority;
    return 'done';
  }

  /** @param token 0 for none. */
  updateProgress(queue: string, id: number, token: number, progress: string): Reply {
    return this.#change(queue, id, token, { progress });
  }

  updateData(queue: string, id: number, token: number, payload: string): Reply {
    return this.#change(queue, id, token, { payload });
  }

  /** @returns how many rows there are. @param keepMax 0 for as many as may be. */
  addLog(queue: string, id: number, token: number, row: string, keepMax: number): Reply | number {
    const job = this.find(id);
    const logs = [...(job?.logs ?? []), row].slice(-Math.min(keepMax || LOG_ROWS, job?.options.keepLogs || LOG_ROWS, LOG_ROWS));
    const reply = this.#change(queue, id, token, { logs });
    return reply === 'done' ? logs.length : reply;
  }

  clearLogs(queue: string, id: number, keepMax: number): Reply {
    const logs = this.find(id)?.logs ?? [];
    return this.#change(queue, id, 0, { logs: keepMax === 0 ? [] : logs.slice(-keepMax) });
  }

  #change(queue: string, id: number, token: number, changed: Partial<ModelJob>): Reply {
    if (id > this.#added) return 'JOB_NOT_FOUND';
    const job = this.find(id);
    if (job === undefined) return token === 0 ? 'JOB_NOT_FOUND' : 'LEASE_LOST';
    if (job.queue !== queue) return 'JOB_NOT_FOUND';
    if (token !== 0 && (job.state !== 'active' || job.token !== token)) return 'LEASE_LOST';
    Object.assign(job, changed);
    return 'done';
  }

  changeDelay(queue: string, id: number, delayMs: number): Reply {
    const job = this.#findIn(queue, id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    if (job.state !== 'delayed') return 'JOB_STATE';
    Object.assign(job, { state: delayMs > 0 ? 'delayed' : 'waiting', dueMs: this.nowMs + delayMs });
    return 'done';
  }

  clean(queue: string, id: number, state: JobState, graceMs: number): Reply {
    const job = this.#findIn(queue, id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    const sinceMs = job.state === 'completed' || job.state === 'failed' ? job.finishedMs : job.addedMs;
    if (job.state !== state || state === 'active' || this.nowMs - sinceMs < graceMs) return 'JOB_STATE';
    this.#removeJob(job);
    return 'done';
  }

  upsertScheduler(queue: string, set: SchedulerOptions, payload: string, options: AddOptions): Reply {
    const known = this.schedulers.find((one) => one.queue === queue && one.scheduler === set.scheduler);
    const { everyMs, offsetMs, startMs, endMs } = set;
    const fromMs = Math.max(this.nowMs, startMs);
    let firstMs = fromMs;
    if (offsetMs >= 0) while (firstMs % everyMs !== offsetMs % everyMs) firstMs += 1;
    if (set.isImmediate) firstMs = this.nowMs;
    const goesOn =
      known?.everyMs === everyMs &&
      known.offsetMs === offsetMs &&
      (known.ticks > 0 || known.startMs === startMs) &&
      known.nextMs >= startMs;
    const nextMs = goesOn ? known.nextMs : firstMs;
    this.removeScheduler(queue, set.scheduler);
    this.#set += 1;
    if (endMs === 0 || nextMs <= endMs) this.schedulers.push({ ...set, queue, payload, options, setAs: this.#set, nextMs, ticks: 0 });
    return 'done';
  }

  removeScheduler(queue: string, scheduler: string): Reply {
    const before = this.schedulers.length;
    this.schedulers = this.schedulers.filter((one) => one.queue !== queue || one.scheduler !== scheduler);
    return this.schedulers.length < before ? 'done' : 'SCHEDULER_NOT_FOUND';
  }

  /** Each job scheduler that is due adds one job, whatever it has missed. */
  tick(): void {
    this.jobs = this.jobs.filter(({ keptUntilMs }) => keptUntilMs === 0 || keptUntilMs > this.nowMs);
    const due = this.schedulers.filter(({ nextMs }) => nextMs <= this.nowMs);
    due.sort((a, b) => a.nextMs - b.nextMs || a.setAs - b.setAs);
    for (const one of due) {
      one.ticks += 1;
      this.#insert(one.queue, one.payload, one.options, { scheduler: one.scheduler, tick: one.ticks, scheduledMs: one.nextMs });
      if (one.offsetMs < 0) while (one.nextMs <= this.nowMs) one.nextMs += one.everyMs;
      else
        do one.nextMs += 1;
        while (one.nextMs <= this.nowMs || one.nextMs % one.everyMs !== one.offsetMs % one.everyMs);
      if (one.ticks === one.ticksMax || (one.endMs > 0 && one.nextMs > one.endMs)) this.removeScheduler(one.queue, one.scheduler);
    }
  }

  /** Time passes: first leases end, then delays, then job schedulers tick. @param isFirstOfTerm a new leader: all leases begin a fresh term. */
  pass(ms: number, isFirstOfTerm = false): void {
    this.nowMs += ms;
    if (isFirstOfTerm) this.epochMs = this.nowMs;
    const due = (state: JobState): ModelJob[] =>
      this.jobs.filter((job) => job.state === state && job.dueMs <= this.nowMs).sort((a, b) => a.dueMs - b.dueMs || a.id - b.id);
    for (const job of due('active')) {
      const endMs = Math.max(job.dueMs, this.epochMs + job.leaseMs);
      if (endMs > this.nowMs) job.dueMs = endMs;
      else this.#endLease(job);
    }
    for (const [queue, { endMs }] of this.#windows) if (endMs <= this.nowMs) this.#windows.delete(queue);
    for (const [queue, endMs] of this.#recordedUntil) if (endMs <= this.nowMs) this.#recordedUntil.delete(queue);
    for (const job of due('delayed')) job.state = 'waiting';
    this.tick();
  }

  #endLease(job: ModelJob): void {
    const { isBegun } = job;
    Object.assign(job, { state: 'waiting', isBegun: false });
    if (!isBegun) return;
    job.attempt -= 1;
    job.stalls += 1;
    if (job.stalls > job.stalledMax) this.#finish(job, 'failed', stalledReason(job), job.options.keepFailed);
  }

  find(id: number): ModelJob | undefined {
    return this.jobs.find((job) => job.id === id);
  }

  #findIn(queue: string, id: number): ModelJob | undefined {
    const job = this.find(id);
    return job?.queue === queue ? job : undefined;
  }

  subscribe(queue: string, ms: number): void {
    this.#recordedUntil.set(queue, Math.max(this.#recordedUntil.get(queue) ?? 0, this.nowMs + ms));
  }

  isRecorded(queue: string): boolean {
    return this.#recordedUntil.has(queue);
  }

  setPaused(queue: string, isPaused: boolean): Reply {
    if (isPaused) this.#paused.add(queue);
    else this.#paused.delete(queue);
    return 'done';
  }

  isPaused(queue: string): boolean {
    return this.#paused.has(queue);
  }

  /** @param limit of active jobs; 0 for none. */
  setConcurrency(queue: string, limit: number): Reply {
    if (limit > 0) this.#concurrency.set(queue, limit);
    else this.#concurrency.delete(queue);
    return 'done';
  }

  concurrency(queue: string): number {
    return this.#concurrency.get(queue) ?? 0;
  }

  /** @param rate with 0 as its maximum for none. */
  setRate(queue: string, rate: ModelRate): Reply {
    const window = this.#windows.get(queue);
    if (rate.max === 0) {
      this.#rates.delete(queue);
      if (window?.isOfQueue === true) this.#windows.delete(queue);
    } else {
      this.#rates.set(queue, rate);
      if (window?.isHold === false) {
        window.isOfQueue = true;
        window.left = Math.max(0, rate.max - window.taken);
        window.endMs = Math.min(window.endMs, this.nowMs + rate.ms);
      }
    }
    return 'done';
  }

  rateOf(queue: string): ModelRate | undefined {
    return this.#rates.get(queue);
  }

  hold(queue: string, ms: number): Reply {
    if (ms === 0) this.#windows.delete(queue);
    else this.#windows.set(queue, { left: 0, taken: 0, endMs: this.nowMs + ms, isOfQueue: false, isHold: true });
    return 'done';
  }

  /** For how long claims take nothing because of a rate. */
  heldMs(queue: string): number {
    const window = this.#windows.get(queue);
    return window === undefined || window.left > 0 ? 0 : window.endMs - this.nowMs;
  }

  counts(queue: string): JobCounts {
    const count = (state: JobState): number => this.jobs.filter((job) => job.queue === queue && job.state === state).length;
    return {
      delayed: count('delayed'),
      waiting: count('waiting'),
      active: count('active'),
      completed: count('completed'),
      failed: count('failed'),
    };
  }

  /** Ids of the jobs in a state, in its order or backwards. */
  list(queue: string, state: JobState, isDescending: boolean): number[] {
    const listed = this.jobs.filter((job) => job.queue === queue && job.state === state);
    listed.sort((a, b) => {
      if (state === 'waiting') return inOrderOfClaims(a, b);
      if (state === 'delayed') return a.dueMs - b.dueMs || a.id - b.id;
      return state === 'active' ? a.id - b.id : a.finishedAs - b.finishedAs;
    });
    const ids = listed.map(({ id }) => id);
    return isDescending ? ids.reverse() : ids;
  }

  /** The queues that have jobs, job schedulers or limits, are paused, or record their events. */
  names(): string[] {
    return [
      ...new Set([
        ...[...this.jobs, ...this.schedulers].map(({ queue }) => queue),
        ...this.#paused,
        ...this.#concurrency.keys(),
        ...this.#rates.keys(),
        ...this.#windows.keys(),
        ...this.#deduplications.filter(({ queue, id }) => this.deduplicationOf(queue, id) !== undefined).map(({ queue }) => queue),
        ...this.#recordedUntil.keys(),
      ]),
    ].sort();
  }

  #underLease(id: number, token: number, apply: (job: ModelJob) => void): Reply {
    if (id > this.#added) return 'JOB_NOT_FOUND';
    const job = this.find(id);
    if (job === undefined || job.state !== 'active' || job.token !== token) return 'LEASE_LOST';
    apply(job);
    return 'done';
  }

  #finish(job: ModelJob, state: 'completed' | 'failed', outcome: string | undefined, keep: number): void {
    this.#deduplications = this.#deduplications.filter((one) => one.job !== job.id || one.endMs !== 0);
    const kept = this.#kept.get(job.id);
    this.#kept.delete(job.id);
    if (keep === 0) this.#drop(job);
    else this.#keepFinished(job, state, outcome, keep);
    if (kept !== undefined) this.addDeduplicated(kept.queue, kept.payload, kept.options);
  }

  #keepFinished(job: ModelJob, state: 'completed' | 'failed', outcome: string | undefined, keep: number): void {
    this.#finished += 1;
    const { keepCompletedMs, keepFailedMs } = job.options;
    const keepMs = state === 'completed' ? keepCompletedMs : keepFailedMs;
    const keptUntilMs = keepMs > 0 ? this.nowMs + keepMs : 0;
    Object.assign(job, { state, outcome, finishedAs: this.#finished, finishedMs: this.nowMs, keptUntilMs });
    const kept = this.jobs
      .filter((other) => other.queue === job.queue && other.state === state)
      .sort((a, b) => b.finishedAs - a.finishedAs);
    if (keep <= 0) return;
    for (const old of kept.slice(keep).reverse()) {
      if (this.#named.has(old.id)) break;
      this.#drop(old);
    }
  }

  /** A client removes the job, or another one takes its place. */
  #removeJob(job: ModelJob): void {
    this.#deduplications = this.#deduplications.filter((one) => one.job !== job.id);
    this.#kept.delete(job.id);
    this.#drop(job);
  }

  #drop(job: ModelJob): void {
    this.jobs = this.jobs.filter((other) => other !== job);
  }
}

/** Within one priority: those with lifo first, the newest of them first; then the others, the oldest first. */
const placeOf = ({ id, options }: ModelJob): number => (options.isLifo ? -id : id);

const inOrderOfClaims = (a: ModelJob, b: ModelJob): number => a.priority - b.priority || placeOf(a) - placeOf(b);

function begin(job: ModelJob): void {
  job.isBegun = true;
  job.attempt += 1;
}

function endAttempt(job: ModelJob): void {
  if (!job.isBegun) begin(job);
  Object.assign(job, { isBegun: false, stalls: 0 });
}

/** The stored reason of a job that stalled too often. */
const stalledReason = ({ stalls, stalledMax }: ModelJob): string =>
  `job stalled more than allowable limit: it was begun ${stalls} times in a row, and each time its worker neither finished it nor extended its lease (maxStalledCount ${stalledMax})`;

const isApplied = (reply: Reply | number): reply is 'done' | number => typeof reply === 'number' || reply === 'done';
