import { invariant } from '../base/invariant.ts';
import type { Job } from './job.ts';

/** The progress of a job, as its worker or another client set it last. */
export interface JobProgress {
  /** Undefined once the checkpoint holds them. */
  bytes: Uint8Array | undefined;
  readonly length: number;
}

/** Ids that share a map: a map that grows is copied, so none becomes large. */
const PAGE_JOBS = 1_024;

/** The progress of the jobs that have one: the others pay one bit for it. */
export class ProgressTable {
  readonly #pages = new Map<number, Map<number, JobProgress>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(job: Job): JobProgress | undefined {
    if (!job.hasProgress) return undefined;
    const progress = this.#pages.get(pageOf(job))?.get(job.id);
    invariant(progress !== undefined, () => `job ${job.id} has no progress, and says that it has`);
    return progress;
  }

  set(job: Job, progress: JobProgress): void {
    let page = this.#pages.get(pageOf(job));
    if (page === undefined) {
      page = new Map();
      this.#pages.set(pageOf(job), page);
    }
    if (!job.hasProgress) this.#size += 1;
    job.hasProgress = true;
    page.set(job.id, progress);
  }

  /** The job is gone. */
  drop(job: Job): void {
    if (!job.hasProgress) return;
    const page = this.#pages.get(pageOf(job));
    page?.delete(job.id);
    if (page?.size === 0) this.#pages.delete(pageOf(job));
    job.hasProgress = false;
    this.#size -= 1;
  }
}

const pageOf = ({ id }: Job): number => Math.floor(id / PAGE_JOBS);
