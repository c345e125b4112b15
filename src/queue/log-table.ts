import type { ChangeTracker } from './change-tracker.ts';
import { JobLog } from './job-log.ts';
import { STATE_BOUNDS, type StateBounds } from './state-bounds.ts';

/** Ids that share a map: a map that grows is copied, so none becomes large. */
const PAGE_JOBS = 1_024;
const pageOf = (jobId: number): number => Math.floor(jobId / PAGE_JOBS);

/** The logs of the jobs that have one. */
export class LogTable {
  bounds: Pick<StateBounds, 'logRowsMax' | 'logBytesMax'> = STATE_BOUNDS;
  readonly #changes: ChangeTracker;
  readonly #pages = new Map<number, Map<number, JobLog>>();
  #size = 0;

  constructor(changes: ChangeTracker) {
    this.#changes = changes;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns undefined for a job without rows. */
  get(jobId: number): JobLog | undefined {
    return this.#size === 0 ? undefined : this.#pages.get(pageOf(jobId))?.get(jobId);
  }

  /** @param row is kept. @param keepMax how many rows the job keeps; 0 for as many as it may. @returns how many it has. */
  append(jobId: number, row: Uint8Array, keepMax: number): number {
    const { logRowsMax, logBytesMax } = this.bounds;
    const log = this.get(jobId) ?? this.restore(jobId, new JobLog());
    const before = log.rowBytes;
    log.append(row);
    log.trim(keepMax === 0 ? logRowsMax : Math.min(keepMax, logRowsMax), logBytesMax);
    this.#changes.log(jobId, log, before);
    return log.count;
  }

  /** Drops all rows but the newest. @param keepMax how many stay. */
  clear(jobId: number, keepMax: number): void {
    const log = this.get(jobId);
    if (log === undefined || log.count <= keepMax) return;
    if (keepMax === 0) {
      this.drop(jobId);
      return;
    }
    const before = log.rowBytes;
    log.trim(keepMax, this.bounds.logBytesMax);
    this.#changes.log(jobId, log, before);
  }

  /** The job is gone, or all its rows are. */
  drop(jobId: number): void {
    const log = this.get(jobId);
    if (log === undefined) return;
    const page = this.#pages.get(pageOf(jobId));
    page?.delete(jobId);
    if (page?.size === 0) this.#pages.delete(pageOf(jobId));
    this.#size -= 1;
    this.#changes.logRemoved(jobId, log);
  }

  /** Takes a log of a checkpoint, or an empty one. */
  restore(jobId: number, log: JobLog): JobLog {
    let page = this.#pages.get(pageOf(jobId));
    if (page === undefined) {
      page = new Map();
      this.#pages.set(pageOf(jobId), page);
    }
    page.set(jobId, log);
    this.#size += 1;
    return log;
  }

  *values(): Generator<readonly [jobId: number, log: JobLog]> {
    for (const page of this.#pages.values()) yield* page;
  }
}
