import type { JobCounts, JobState } from '../../src/queue/job-state.ts';
import type { AddOptions } from '../../src/queue/request.ts';

/** A job of the reference model: nothing but what the design says of a job. */
export interface ModelJob {
  readonly id: number;
  readonly queue: string;
  readonly content: string;
  readonly options: AddOptions;
  readonly addedMs: number;
  state: JobState;
  attempt: number;
  token: number;
  dueMs: number;
  finishedAs: number;
  outcome: string | undefined;
}

export type Answer = 'done' | 'LEASE_LOST' | 'JOB_NOT_FOUND' | 'JOB_STATE';

/**
 * The queue as one would write it on a page: a list of jobs that every operation searches. Slow and obviously right, to
 * hold the real one against.
 */
export class ModelQueue {
  jobs: ModelJob[] = [];
  nowMs: number;
  #added = 0;
  #claims = 0;
  #finished = 0;

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  add(queue: string, content: string, options: AddOptions): number {
    this.#added += 1;
    const isDelayed = options.delayMs > 0;
    this.jobs.push({
      id: this.#added,
      queue,
      content,
      options,
      addedMs: this.nowMs,
      state: isDelayed ? 'delayed' : 'waiting',
      attempt: 0,
      token: 0,
      dueMs: this.nowMs + options.delayMs,
      finishedAs: 0,
      outcome: undefined,
    });
    return this.#added;
  }

  claim(queue: string, countMax: number, leaseMs: number): ModelJob[] {
    const waiting = this.jobs.filter((job) => job.queue === queue && job.state === 'waiting');
    waiting.sort((a, b) => a.options.priority - b.options.priority || a.id - b.id);
    const claimed = waiting.slice(0, countMax);
    for (const job of claimed) {
      this.#claims += 1;
      Object.assign(job, { state: 'active', token: this.#claims, attempt: job.attempt + 1, dueMs: this.nowMs + leaseMs });
    }
    return claimed;
  }

  extend(id: number, token: number, leaseMs: number): Answer {
    return this.#underLease(id, token, (job) => {
      job.dueMs = this.nowMs + leaseMs;
    });
  }

  complete(id: number, token: number, result: string): Answer {
    return this.#underLease(id, token, (job) =>
      this.#finish(job, 'completed', result === '' ? undefined : result, job.options.keepCompleted),
    );
  }

  fail(id: number, token: number, reason: string, retry: boolean): Answer {
    return this.#underLease(id, token, (job) => {
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

  release(id: number, token: number): Answer {
    return this.#underLease(id, token, (job) => {
      job.state = 'waiting';
      job.attempt -= 1;
    });
  }

  redrive(id: number): Answer {
    const job = this.find(id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    if (job.state !== 'failed') return 'JOB_STATE';
    Object.assign(job, { state: 'waiting', attempt: 0, outcome: undefined });
    return 'done';
  }

  remove(id: number): Answer {
    const job = this.find(id);
    if (job === undefined) return 'JOB_NOT_FOUND';
    if (job.state === 'active') return 'JOB_STATE';
    this.#drop(job);
    return 'done';
  }

  /** Time passes: first leases end, then delays. */
  pass(ms: number): void {
    this.nowMs += ms;
    const due = (state: JobState): ModelJob[] =>
      this.jobs.filter((job) => job.state === state && job.dueMs <= this.nowMs).sort((a, b) => a.dueMs - b.dueMs || a.id - b.id);
    for (const job of due('active')) {
      if (job.attempt === job.options.attemptsMax) this.#finish(job, 'failed', LEASE_ENDED, job.options.keepFailed);
      else job.state = 'waiting';
    }
    for (const job of due('delayed')) job.state = 'waiting';
  }

  find(id: number): ModelJob | undefined {
    return this.jobs.find((job) => job.id === id);
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

  #underLease(id: number, token: number, apply: (job: ModelJob) => void): Answer {
    if (id > this.#added) return 'JOB_NOT_FOUND';
    const job = this.find(id);
    if (job === undefined || job.state !== 'active' || job.token !== token) return 'LEASE_LOST';
    apply(job);
    return 'done';
  }

  #finish(job: ModelJob, state: 'completed' | 'failed', outcome: string | undefined, keep: number): void {
    if (keep === 0) {
      this.#drop(job);
      return;
    }
    this.#finished += 1;
    Object.assign(job, { state, outcome, finishedAs: this.#finished });
    const kept = this.jobs
      .filter((other) => other.queue === job.queue && other.state === state)
      .sort((a, b) => b.finishedAs - a.finishedAs);
    if (keep > 0) for (const old of kept.slice(keep)) this.#drop(old);
  }

  #drop(job: ModelJob): void {
    this.jobs = this.jobs.filter((other) => other !== job);
  }
}

/** The reason on record of a job whose last lease ended. */
export const LEASE_ENDED = 'The lease of the last attempt ended before its worker finished the job.';
