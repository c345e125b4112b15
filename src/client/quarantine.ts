import { ChangeNotice } from './change-notice.ts';
import type { ClusterEndpoint } from './endpoint.ts';
import { QuarantineWindow } from './quarantine-window.ts';

/** Whose jobs wait for the quarantine of their process. */
export interface QuarantineMember {
  /** The quarantine has begun, has let go of a job, or is over: what may begin now, and be claimed, has changed. */
  onQuarantine(): void;
}

/** A job that stalled before. */
export interface StalledJob {
  readonly token: number;
}

/** Most time that one job is run alone. What ends its process usually does so earlier. */
const ALONE_MS_MAX = 1_000;
/** For how long a job that stalled makes the process cautious at most. */
const CAUTIOUS_MS_MAX = 30_000;

/**
 * After a crash, the jobs that were begun come back, each with a stall. One of them may be what ended the process, and the next crash would
 * fail all that were begun beside it. So each of them is run alone at first: the workers of a process begin nothing else until it has ended
 * and the cluster knows, or until it has run for a second or its part of a third of a lease, ten seconds at most. Then the next one is begun.
 * When that time is over, all that are left are begun side by side, and there is no other quarantine before the lease is over, too: however
 * many jobs stall, the others wait for no more than a third of the time. Of workers with different leases the longest counts.
 *
 * There is one for all workers of the process, whichever cluster they work for: what ends or blocks a process takes all of their jobs with it.
 */
export class Quarantine {
  static readonly #ofThisProcess = new Quarantine();
  static readonly #assigned = new WeakMap<ClusterEndpoint, Quarantine>();
  readonly #notice = new ChangeNotice<QuarantineMember>((member) => member.onQuarantine());
  readonly #window = new QuarantineWindow();
  /** Jobs that were not run alone yet, the one that is being run among them. */
  readonly #jobs = new Set<StalledJob>();
  #alone: StalledJob | undefined;
  #aloneUntilMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #cautiousUntilMs = 0;

  /** Of the workers that use this endpoint: the one of this process, unless another was assigned. */
  static of(endpoint: ClusterEndpoint): Quarantine {
    return Quarantine.#assigned.get(endpoint) ?? Quarantine.#ofThisProcess;
  }

  /** For tests that simulate several processes in one: `endpoint` is used by workers of another process, whose quarantine this is. */
  static assign(endpoint: ClusterEndpoint, quarantine: Quarantine): void {
    Quarantine.#assigned.set(endpoint, quarantine);
  }

  /** Nothing may begin but a job that {@link take}s its turn. */
  get isActive(): boolean {
    return this.#jobs.size > 0;
  }

  /** A job that stalled was seen within its lease: what ended the process may come next. */
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
    const nowMs = performance.now();
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
    const nowMs = performance.now();
    this.#aloneUntilMs = nowMs + Math.min(ALONE_MS_MAX, (this.#window.endsAtMs - nowMs) / this.#jobs.size);
    this.#setTimer(nowMs);
  }

  /** The cluster knows how the job ended, or that this process has nothing to do with it any more. */
  onOver(job: StalledJob): void {
    if (!this.#jobs.delete(job)) return;
    if (this.#alone === job) {
      this.#alone = undefined;
      this.#aloneUntilMs = Number.POSITIVE_INFINITY;
    }
    this.#settle();
  }

  #settle(): void {
    const nowMs = performance.now();
    if (!this.isActive) this.#window.close(nowMs);
    this.#setTimer(nowMs);
    this.#notice.send();
  }

  #setTimer(nowMs: number): void {
    clearTimeout(this.#timer);
    if (!this.isActive) return;
    const atMs = Math.min(this.#window.endsAtMs, this.#aloneUntilMs);
    // After a pause of the event loop timers run first. What has ended meanwhile is known one phase later.
    this.#timer = setTimeout(() => setImmediate(this.#onTimer), Math.max(1, atMs - nowMs));
  }

  readonly #onTimer = (): void => {
    if (!this.isActive) return;
    const nowMs = performance.now();
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
