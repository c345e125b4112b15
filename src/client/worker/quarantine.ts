import { type ClientClock, type ClientTimer, SYSTEM_CLOCK } from '../clock.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { ChangeNotice } from './change-notice.ts';
import { QuarantineWindow } from './quarantine-window.ts';

/** The slots of a worker, whose jobs wait for the quarantine of their process. */
export interface QuarantineMember {
  /** The quarantine has begun, has released a job, or is over: the jobs that may begin or be claimed have changed. */
  onQuarantine(): void;
}

/** A job that stalled before. */
export interface StalledJob {
  readonly token: number;
}

/** Maximum time that one job runs alone. A job that ends its process usually does so earlier. */
const ALONE_MS_MAX = 1_000;
/** Maximum time that a stalled job makes the process cautious. */
const CAUTIOUS_MS_MAX = 30_000;

/**
 * After a crash, the jobs that were begun come back, each with a stall. One of them may have ended the process, and the next crash would
 * fail all that were begun beside it. So each of them runs alone at first: the workers of a process begin nothing else until it has ended
 * and the cluster knows, or until it has run for a second or its part of a third of a lease, ten seconds at most. Then the next one begins.
 * When that time is over, all that are left begin side by side, and there is no other quarantine before the lease is over, too: however
 * many jobs stall, the others wait for at most a third of the time. With workers of different leases the longest counts.
 *
 * There is one for all workers of the process, for all clusters: an event that ends or blocks a process affects all of their jobs.
 */
export class Quarantine {
  static readonly #ofThisProcess = new Quarantine();
  static readonly #assigned = new WeakMap<ClusterEndpoint, Quarantine>();
  readonly #notice = new ChangeNotice<QuarantineMember>((member) => member.onQuarantine());
  readonly #window = new QuarantineWindow();
  /** Jobs that have not run alone yet, including the one that runs. */
  readonly #jobs = new Set<StalledJob>();
  #alone: StalledJob | undefined;
  #aloneUntilMs = Number.POSITIVE_INFINITY;
  #timer: ClientTimer | undefined;
  #cautiousUntilMs = 0;
  readonly #clock: ClientClock;

  constructor(clock: ClientClock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** The quarantine of the workers that use this endpoint: the one of this process, unless another was assigned. */
  static of(endpoint: ClusterEndpoint): Quarantine {
    return Quarantine.#assigned.get(endpoint) ?? Quarantine.#ofThisProcess;
  }

  /** For tests that simulate several processes in one: workers of another process, with this quarantine, use `endpoint`. */
  static assign(endpoint: ClusterEndpoint, quarantine: Quarantine): void {
    Quarantine.#assigned.set(endpoint, quarantine);
  }

  /** Only a job that {@link take}s its turn may begin. */
  get isActive(): boolean {
    return this.#jobs.size > 0;
  }

  /** A stalled job was seen within its lease: the job that ended the process may come next. */
  isCautious(nowMs: number): boolean {
    return nowMs < this.#cautiousUntilMs;
  }

  join(member: QuarantineMember): void {
    this.#notice.join(member);
  }

  leave(member: QuarantineMember): void {
    this.#notice.leave(member);
  }

  /** A worker has claimed a job that stalled. @param leaseMs of the worker. */
  enter(job: StalledJob, leaseMs: number): void {
    const nowMs = this.#clock.nowMs();
    this.#cautiousUntilMs = Math.max(this.#cautiousUntilMs, nowMs + Math.min(leaseMs, CAUTIOUS_MS_MAX));
    if (!this.#window.open(nowMs, leaseMs)) return;
    const isFirst = !this.isActive;
    this.#jobs.add(job);
    if (!isFirst) return;
    this.#setTimer(nowMs);
    this.#notice.send();
  }

  /** @returns whether the job may begin now. If so, {@link run} follows, or {@link leave}. */
  take(job: StalledJob): boolean {
    if (!this.#jobs.has(job)) return !this.isActive;
    if (this.#alone !== undefined) return false;
    this.#alone = job;
    return true;
  }

  /** The job's processor is called. */
  onRun(job: StalledJob): void {
    if (this.#alone !== job) return;
    const nowMs = this.#clock.nowMs();
    this.#aloneUntilMs = nowMs + Math.min(ALONE_MS_MAX, (this.#window.endsAtMs - nowMs) / this.#jobs.size);
    this.#setTimer(nowMs);
  }

  /** The cluster knows how the job ended, or this process no longer processes it. */
  onOver(job: StalledJob): void {
    if (!this.#jobs.delete(job)) return;
    if (this.#alone === job) {
      this.#alone = undefined;
      this.#aloneUntilMs = Number.POSITIVE_INFINITY;
    }
    this.#settle();
  }

  #settle(): void {
    const nowMs = this.#clock.nowMs();
    if (!this.isActive) this.#window.close(nowMs);
    this.#setTimer(nowMs);
    this.#notice.send();
  }

  #setTimer(nowMs: number): void {
    this.#timer?.cancel();
    if (!this.isActive) return;
    const atMs = Math.min(this.#window.endsAtMs, this.#aloneUntilMs);
    // After a pause of the event loop timers run first. Jobs that ended meanwhile are known one phase later.
    this.#timer = this.#clock.setTimer(() => setImmediate(this.#onTimer), Math.max(1, atMs - nowMs));
  }

  readonly #onTimer = (): void => {
    if (!this.isActive) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#window.endsAtMs) {
      this.#jobs.clear();
      this.#alone = undefined;
      this.#aloneUntilMs = Number.POSITIVE_INFINITY;
      this.#settle();
    } else if (nowMs >= this.#aloneUntilMs && this.#alone !== undefined) {
      this.onOver(this.#alone);
    } else {
      this.#setTimer(nowMs);
    }
  };
}
