import type { HistoryReport } from '../../src/history/checkers/check-history.ts';
import { type CheckOptions, checkHistory } from '../../src/history/checkers/check-history.ts';
import type { Calls, ClaimResult, OperationFunction, Results } from '../../src/history/functions.ts';
import { HistoryRecorder, type OpenCall } from '../../src/history/history.ts';
import { BEFORE_ALL_JOBS } from '../../src/protocol/job-order.ts';
import { StateCode } from '../../src/protocol/job-state.ts';

const LEASE_MS = 1_000;

/** A history written by hand. A millisecond passes with every event. */
export class Script {
  nowUs = 0;
  readonly #recorder = new HistoryRecorder({
    nowUs: () => {
      this.nowUs += 1_000;
      return this.nowUs;
    },
  });

  get events() {
    return this.#recorder.events;
  }

  begin<F extends OperationFunction>(f: F, call: Calls[F]): OpenCall<F> {
    return this.#recorder.invoke(f, call);
  }

  did<F extends OperationFunction>(f: F, call: Calls[F], result: Results[F]): this {
    this.begin(f, call).ok(result);
    return this;
  }

  failed<F extends OperationFunction>(f: F, call: Calls[F], error = 'LEASE_LOST'): this {
    this.begin(f, call).fail(error);
    return this;
  }

  unknown<F extends OperationFunction>(f: F, call: Calls[F]): this {
    this.begin(f, call).info('DEADLINE');
    return this;
  }

  passMs(ms: number): this {
    this.nowUs += ms * 1_000;
    return this;
  }

  /** Job `id` is added under the key `job-<id>`. */
  added(id: number, more: Partial<Calls['add']> = {}): this {
    return this.did('add', aJob(id, more), { job: id });
  }

  /** Each is begun, unless it stalled before. */
  claimed(...jobs: readonly (readonly [id: number, token: number, attempt?: number, stalls?: number])[]): this {
    return this.did('claim', aClaim(jobs.length), {
      jobs: jobs.map(([job, token, attempt = 1, stalls = 0]) => ({
        job,
        key: `job-${job}`,
        token,
        attempt,
        isBegun: stalls === 0,
        stalls,
      })),
    });
  }

  /** Job `id` of a tick of the scheduler that the call with the key "s" set. */
  claimedTick(id: number, token: number, tick: number, scheduledMs: number, more: Partial<ClaimResult> = {}): this {
    const claimed = { job: id, key: `s#${tick}`, token, attempt: 1, isBegun: true, stalls: 0, scheduler: 'daily', tick, scheduledMs };
    return this.did('claim', aClaim(1), { jobs: [{ ...claimed, ...more }] });
  }

  /** Claimed by a claim that begins no job. */
  claimedAhead(job: number, token: number, attempt = 1, stalls = 0): this {
    const claimed = { job, key: `job-${job}`, token, attempt, isBegun: false, stalls };
    return this.did('claim', aClaim(1, { beginMax: 0 }), { jobs: [claimed] });
  }

  begun(job: number, token: number): this {
    return this.did('begin', { job, token }, null);
  }

  completed(job: number, token: number): this {
    return this.did('complete', { job, token }, null);
  }

  read(job: number, state: Results['getJob']['state']): this {
    return this.did('getJob', { job }, { state });
  }

  check(options: CheckOptions = {}): HistoryReport {
    return checkHistory(this.events, { clockErrorMs: 0, ...options });
  }
}

export const aJob = (id: number, more: Partial<Calls['add']> = {}): Calls['add'] => ({
  key: `job-${id}`,
  queue: 'work',
  attemptsMax: 3,
  keepCompleted: -1,
  keepFailed: -1,
  ...more,
});

/** Every second, with the key "s". */
export const aScheduler = (more: Partial<Calls['upsertScheduler']> = {}): Calls['upsertScheduler'] => ({
  ...{ key: 's', queue: 'work', scheduler: 'daily', everyMs: 1_000, attemptsMax: 3, keepCompleted: -1, keepFailed: -1 },
  ...more,
});

export const aClaim = (countMax = 1, more: Partial<Calls['claim']> = {}): Calls['claim'] => ({
  queue: 'work',
  countMax,
  leaseMs: LEASE_MS,
  stalledMax: 1,
  holder: 7,
  ...more,
});

/** By default of the first ten waiting jobs. */
export const aListing = (more: Partial<Calls['jobIds']> = {}): Calls['jobIds'] => ({
  queue: 'work',
  state: StateCode.waiting,
  isDescending: false,
  afterRank: BEFORE_ALL_JOBS.rank,
  afterTie: BEFORE_ALL_JOBS.tie,
  start: 0,
  countMax: 10,
  ...more,
});

/** Names of the checkers that found something. */
export const violated = (report: HistoryReport): string[] =>
  report.verdicts.filter(({ result }) => result === 'violation').map(({ checker }) => checker);

/** All problems that were found, as text. */
export const problemsOf = (report: HistoryReport): string =>
  report.verdicts.flatMap(({ problems }) => problems.map(({ what }) => what)).join('\n');
