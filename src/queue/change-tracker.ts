import { pageOf } from './checkpoint-layout.ts';
import { type Job, JobFlag } from './job.ts';
import type { NamedQueue } from './named-queue.ts';
import type { Session } from './session.ts';

/** A job that left the state although the checkpoint knows it. */
export interface RemovedJob {
  readonly id: number;
  readonly flags: number;
  readonly packedAt: number;
  readonly entry: number;
}

/** What the next checkpoint has to write. */
export interface ChangeSet {
  /** Pages with jobs that changed or went, in ascending order; of some nothing may be left, neither here nor in the checkpoint. */
  readonly pages: readonly number[];
  readonly removedJobs: readonly RemovedJob[];
  readonly queues: ReadonlySet<NamedQueue>;
  readonly removedQueues: readonly number[];
  readonly sessions: ReadonlySet<Session>;
  readonly removedSessions: readonly number[];
}

/** Which records changed since the last checkpoint. A job that comes and goes between two checkpoints leaves at most the number of its page. */
export class ChangeTracker {
  #pages = new Set<number>();
  #latestPage = -1;
  #dirtyJobs = 0;
  #removedJobs: RemovedJob[] = [];
  #queues = new Set<NamedQueue>();
  #removedQueues: number[] = [];
  #sessions = new Set<Session>();
  #removedSessions: number[] = [];

  /** Jobs, sessions and queues that the next checkpoint has to bring up to date. */
  get pending(): number {
    const removed = this.#removedJobs.length + this.#removedQueues.length + this.#removedSessions.length;
    return this.#dirtyJobs + this.#queues.size + this.#sessions.size + removed;
  }

  job(job: Job): void {
    if ((job.flags & JobFlag.dirty) !== 0) return;
    job.flags |= JobFlag.dirty;
    this.#dirtyJobs += 1;
    this.#markPage(job.id);
  }

  jobRemoved(job: Job): void {
    if ((job.flags & JobFlag.dirty) !== 0) this.#dirtyJobs -= 1;
    if ((job.flags & JobFlag.rowStored) === 0) return;
    this.#markPage(job.id);
    this.#removedJobs.push({ id: job.id, flags: job.flags, packedAt: job.packedAt, entry: job.entry });
  }

  queue(queue: NamedQueue): void {
    this.#queues.add(queue);
  }

  queueRemoved(queue: NamedQueue): void {
    this.#queues.delete(queue);
    if (queue.isStored) this.#removedQueues.push(queue.number);
  }

  session(session: Session): void {
    if (session.isDirty) return;
    session.isDirty = true;
    this.#sessions.add(session);
  }

  sessionRemoved(session: Session): void {
    this.#sessions.delete(session);
    if (session.isStored) this.#removedSessions.push(session.client);
  }

  /** Returns what is marked, and starts with nothing marked. The caller clears the flags on the records. */
  take(): ChangeSet {
    const taken: ChangeSet = {
      pages: [...this.#pages].sort((a, b) => a - b),
      removedJobs: this.#removedJobs,
      queues: this.#queues,
      removedQueues: this.#removedQueues,
      sessions: this.#sessions,
      removedSessions: this.#removedSessions,
    };
    this.#pages = new Set();
    this.#latestPage = -1;
    this.#dirtyJobs = 0;
    this.#removedJobs = [];
    this.#queues = new Set();
    this.#removedQueues = [];
    this.#sessions = new Set();
    this.#removedSessions = [];
    return taken;
  }

  /** Neighbours are mostly marked one after the other. */
  #markPage(jobId: number): void {
    const page = pageOf(jobId);
    if (page === this.#latestPage) return;
    this.#latestPage = page;
    this.#pages.add(page);
  }
}
