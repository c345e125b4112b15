import { invariant } from '../base/invariant.ts';
import { StateCode } from '../protocol/job-state.ts';
import { STALLED_MAX_DEFAULT } from '../protocol/limits.ts';
import { ErrorCode, OutcomeKind } from '../protocol/reply.ts';
import { NO_TICK } from '../protocol/scheduler.ts';
import { backoffMs, begin, isHeld, LEASE_EXPIRED_REASON, setOutcome, stalledReason } from './attempt.ts';
import { Job, type LeaseTerms, NO_TERMS } from './job.ts';
import { APPLIED } from './job-edits.ts';
import { JobLogs } from './job-logs.ts';
import type { NamedQueue } from './named-queue.ts';
import type { RateLimit } from './rate-window.ts';
import { Scheduler, type SchedulerSpec } from './scheduler.ts';

/** The jobs, and every transition between their states. */
export class JobStore extends JobLogs {
  nextToken = 1;
  /** Log time at which all leases began a fresh term; see {@link leaseEndMs}. */
  leaseEpochMs = 0;
  /** The latest entry may have left something due to the next one. */
  isBehind = true;

  /** The caller has checked that there is space for it. */
  setScheduler(queue: NamedQueue<Job>, spec: SchedulerSpec, isImmediate: boolean): void {
    const scheduler = new Scheduler(this.queues.takeNumber(), queue, spec);
    this.schedulers.set(scheduler, isImmediate, this.wallMs);
    this.queues.dropIfUnused(queue, this.version);
  }

  removeScheduler(queue: NamedQueue<Job> | undefined, key: string): number {
    const scheduler = this.schedulers.find(queue, key);
    if (scheduler === undefined) return ErrorCode.schedulerNotFound;
    this.schedulers.remove(scheduler);
    this.queues.dropIfUnused(scheduler.queue, this.version);
    return APPLIED;
  }

  /** Changes nothing unless the scheduler waits for the tick after this time. */
  advanceScheduler(id: number, afterMs: number, nextMs: number): void {
    const scheduler = this.schedulers.get(id);
    if (scheduler === undefined || scheduler.dueMs !== NO_TICK || scheduler.afterMs !== afterMs) return;
    this.schedulers.advance(scheduler, nextMs);
    this.queues.dropIfUnused(scheduler.queue, this.version);
  }

  /**
   * Leases the job that is served next, under a new fencing token.
   * @param mayBegin whether it is begun at once. A stalled job is not: its begin must be logged before its processor runs.
   * @param limiter of the rate of its queue, that the claim brings.
   */
  claim(queue: NamedQueue<Job>, terms: LeaseTerms, mayBegin: boolean, logMs: number, limiter?: RateLimit): Job | undefined {
    const job = queue.takeNext();
    if (job === undefined) return undefined;
    invariant(job.attempt < job.policy.attemptsMax, () => `job ${job.id} waits with no attempt left`);
    queue.waiting -= 1;
    queue.active += 1;
    if (queue.pace !== undefined || limiter !== undefined) this.onTaken(queue, limiter, logMs);
    if (mayBegin && job.stalls === 0) begin(job);
    if (queue.events !== undefined) this.note('active', job);
    job.state = StateCode.active;
    job.token = this.nextToken;
    this.nextToken += 1;
    job.dueMs = logMs + terms.leaseMs;
    if (this.version > 1) job.terms = terms;
    this.leases.push(job);
    this.totals.claimed += 1;
    this.changes.job(job);
    return job;
  }

  /** A job that was claimed ahead begins. Idempotent. */
  markBegun(jobId: number, token: number): number {
    const job = this.table.get(jobId);
    if (!isHeld(job, token)) return this.leaseFault(jobId);
    if (job.isBegun) return APPLIED;
    begin(job);
    this.changes.job(job);
    return APPLIED;
  }

  extend(jobId: number, token: number, leaseMs: number, logMs: number): number {
    const job = this.table.get(jobId);
    if (!isHeld(job, token)) return this.leaseFault(jobId);
    job.dueMs = logMs + leaseMs;
    const { terms } = job;
    // A claim of version 1 has no stall limit.
    const stalledMax = terms === NO_TERMS ? STALLED_MAX_DEFAULT : terms.stalledMax;
    if (this.version > 1 && leaseMs !== terms.leaseMs) job.terms = { leaseMs, stalledMax, holder: terms.holder };
    this.leases.update(job);
    this.changes.job(job);
    return APPLIED;
  }

  /** @param result the data of the entry, which contains the result. */
  complete(jobId: number, token: number, result: Uint8Array, resultAt: number, resultLength: number): number {
    const job = this.table.get(jobId);
    if (!isHeld(job, token)) return this.leaseFault(jobId);
    this.#endAttempt(job);
    this.totals.completed += 1;
    const { queue } = job;
    if (queue.events !== undefined) this.note('completed', job, result.subarray(resultAt, resultAt + resultLength));
    if (!this.flows.isEmpty) this.onChildCompleted(job, result, resultAt, resultLength);
    const next = this.deduplications.onFinished(jobId);
    const keep = job.policy.keepCompleted;
    if (keep === 0) {
      this.evict(job);
    } else {
      const bytes = resultLength > 0 ? result.slice(resultAt, resultAt + resultLength) : undefined;
      this.changes.outcome(job, resultLength);
      setOutcome(job, bytes === undefined ? OutcomeKind.none : OutcomeKind.result, bytes);
      this.enterFinished(job, StateCode.completed, queue.keptCompleted);
      this.trim(queue.keptCompleted, keep);
    }
    if (next !== undefined) this.addKept(queue, next);
    this.#noteIfDrained(queue);
    return APPLIED;
  }

  /** @param reason the bytes of the reason; they are kept. */
  fail(jobId: number, token: number, reason: Uint8Array, retry: boolean): number {
    const job = this.table.get(jobId);
    if (!isHeld(job, token)) return this.leaseFault(jobId);
    this.#endAttempt(job);
    this.changes.outcome(job, reason.length);
    setOutcome(job, OutcomeKind.reason, reason);
    if (!retry || job.attempt >= job.policy.attemptsMax) {
      this.#failForGood(job);
      return APPLIED;
    }
    this.totals.retried += 1;
    const pauseMs = backoffMs(job, this.version);
    if (pauseMs > 0) this.enterDelayed(job, this.wallMs + pauseMs);
    else this.enterWaiting(job);
    this.changes.job(job);
    return APPLIED;
  }

  /** Gives the job back; the attempt does not count. */
  release(jobId: number, token: number): number {
    const job = this.table.get(jobId);
    if (!isHeld(job, token)) return this.leaseFault(jobId);
    if (job.isBegun) job.attempt -= 1;
    this.leaveActive(job);
    this.totals.released += 1;
    this.enterWaiting(job);
    this.changes.job(job);
    return APPLIED;
  }

  /**
   * The holder of these leases is gone: they end now.
   * @returns always APPLIED, also when it holds none.
   */
  releaseHolder(holder: number): number {
    const held = this.leases.values().filter((job) => job.terms.holder === holder);
    held.sort((a, b) => a.id - b.id);
    for (const job of held) this.#endLease(job);
    return APPLIED;
  }

  /** A queue that is paused hands out no job; jobs under a lease go on. Jobs that wait can be claimed once it is resumed. */
  setPaused(queue: NamedQueue<Job>, isPaused: boolean): void {
    if (queue.isPaused === isPaused) return;
    queue.isPaused = isPaused;
    this.changes.queue(queue);
    this.events.record(queue, isPaused ? 'paused' : 'resumed', undefined, this.wallMs);
    this.queues.dropIfUnused(queue, this.version);
    if (queue.claimable > 0) this.onQueueFilled?.(queue.name);
  }

  /** Claims take a job of the queue only while fewer than this are active. @param concurrencyMax or NO_LIMIT. */
  setConcurrency(queue: NamedQueue<Job>, concurrencyMax: number): void {
    this.changePace(queue, (pace) => pace.setConcurrency(concurrencyMax, queue.active));
  }

  /** Claims take at most so many jobs of the queue within a time, from the first one on. @param rate undefined for any number. */
  setRate(queue: NamedQueue<Job>, rate: RateLimit | undefined, logMs: number): void {
    this.changePace(queue, (pace) => pace.setRate(rate, logMs));
  }

  /** Claims take no job of the queue for this time, in place of a window that runs. @param holdMs 0 ends such a time, or a window. */
  holdClaims(queue: NamedQueue<Job>, holdMs: number, logMs: number): void {
    this.changePace(queue, (pace) => pace.hold(holdMs, logMs));
  }

  /** Processes leases, windows, subscriptions and deduplication ids that ended by `logMs`, and by `wallMs` delays and times of kept jobs that ended, and schedulers that tick, at most `countMax` of them. */
  advance(logMs: number, countMax: number): void {
    let left = countMax;
    this.logMs = logMs;
    for (let job = this.leases.top(); job !== undefined && job.dueMs <= logMs && left > 0; job = this.leases.top(), left -= 1) {
      this.#onLeaseDue(job, logMs);
    }
    for (; this.windows.nextEndMs <= logMs && left > 0; left -= 1) {
      this.changePace(this.windows.nextQueue() as NamedQueue<Job>, (pace) => pace.hold(0, logMs));
    }
    for (let ring = this.events.top(); ring !== undefined && ring.dueMs <= logMs && left > 0; ring = this.events.top(), left -= 1) {
      this.events.end(ring);
      const queue = this.queues.byName.get(ring.queue.name);
      if (queue !== undefined) this.queues.dropIfUnused(queue, this.version);
    }
    for (let one = this.deduplications.top(); one !== undefined && one.dueMs <= logMs && left > 0; one = this.deduplications.top()) {
      this.free(one);
      left -= 1;
    }
    for (let job = this.delayed.top(); job !== undefined && job.dueMs <= this.wallMs && left > 0; job = this.delayed.top(), left -= 1) {
      this.endDelay(job);
    }
    for (let job = this.keptForTime.top(); job !== undefined && job.dueMs <= this.wallMs && left > 0; left -= 1) {
      this.endKeeping(job);
      job = this.keptForTime.top();
    }
    for (
      let next = this.schedulers.top();
      next !== undefined && next.dueMs <= this.wallMs && left > 0;
      next = this.schedulers.top(), left -= 1
    ) {
      this.#tick(next);
    }
    this.isBehind = left <= 0;
  }

  /**
   * When the lease of an active job ends, in log time. A new leader gives all leases a fresh term, because their holders may not have
   * reached a leader for a while. The job's own deadline is updated only when it is due, so that the others cost nothing.
   */
  leaseEndMs(job: Job): number {
    return Math.max(job.dueMs, this.leaseEpochMs + job.terms.leaseMs);
  }

  /** A scheduler adds one job, and goes on to its next tick. */
  #tick(scheduler: Scheduler): void {
    const { queue, key, spec, ticks, dueMs } = scheduler;
    const tick = { scheduler: key, tick: ticks + 1, scheduledMs: dueMs };
    const job = new Job(this.nextJobId, { ...queue.sharePolicy(spec.policy), tick }, spec.priority, this.wall);
    job.length = spec.payload.length;
    if (job.length > 0) job.entryData = spec.payload;
    this.insert(job, 0);
    this.schedulers.onTicked(scheduler, this.wallMs);
  }

  #onLeaseDue(job: Job, logMs: number): void {
    const endMs = this.leaseEndMs(job);
    if (endMs > logMs) {
      job.dueMs = endMs;
      this.leases.update(job);
      this.changes.job(job);
      return;
    }
    this.totals.leasesExpired += 1;
    this.#endLease(job);
  }

  /**
   * A lease ended before its holder ended the job. Before the begin that counts nothing; afterwards it is a stall, not an attempt.
   * In version 1 it is an attempt.
   */
  #endLease(job: Job): void {
    const { isBegun, terms } = job;
    // A claim of version 1 has no stall limit.
    const stalledMax = terms === NO_TERMS ? STALLED_MAX_DEFAULT : terms.stalledMax;
    this.leaveActive(job);
    if (this.version === 1) {
      if (job.attempt >= job.policy.attemptsMax) {
        setOutcome(job, OutcomeKind.reason, LEASE_EXPIRED_REASON);
        this.#failForGood(job);
        return;
      }
    } else if (isBegun) {
      job.attempt -= 1;
      job.stalls += 1;
      this.totals.stalled += 1;
      this.note('stalled', job);
      if (job.stalls > stalledMax) {
        setOutcome(job, OutcomeKind.reason, stalledReason(job.stalls, stalledMax));
        this.#failForGood(job);
        return;
      }
    }
    this.enterWaiting(job);
    this.changes.job(job);
  }

  /** The processor ended the attempt, in success or failure; this implies that the attempt had begun. */
  #endAttempt(job: Job): void {
    if (!job.isBegun) begin(job);
    job.stalls = 0;
    this.leaveActive(job);
  }

  /** A job, and the parents that fail with it: no more than a flow has levels. */
  #failForGood(job: Job): void {
    let prev: number = job.state;
    for (let failed: Job | undefined = job; failed !== undefined; ) {
      const parent = this.onChildFailed(failed);
      this.#enterFailed(failed, prev);
      failed = parent;
      prev = StateCode['waiting-children'];
    }
  }

  /** @param prev the state that it was in. */
  #enterFailed(job: Job, prev: number): void {
    this.totals.failed += 1;
    const { queue } = job;
    if (job.attempt >= job.policy.attemptsMax) this.note('retries-exhausted', job);
    this.note('failed', job, job.end.outcome, prev);
    const next = this.deduplications.onFinished(job.id);
    const keep = job.policy.keepFailed;
    if (keep === 0) this.evict(job);
    else {
      this.enterFinished(job, StateCode.failed, queue.keptFailed);
      this.trim(queue.keptFailed, keep);
    }
    if (next !== undefined) this.addKept(queue, next);
    this.#noteIfDrained(queue);
  }

  /** A job is finished, and its queue has no other that waits or is active. */
  #noteIfDrained(queue: NamedQueue<Job>): void {
    if (queue.waiting === 0 && queue.active === 0) this.events.record(queue, 'drained', undefined, this.wallMs);
  }
}
