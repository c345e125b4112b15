import { type Job, JobFlag } from './job.ts';
import type { NamedQueue } from './named-queue.ts';
import type { Session } from './session.ts';

/** A job that left the state although the checkpoint knows it. */
export interface RemovedJob {
  readonly id: number;
  readonly flags: number;
}

/** What the next checkpoint has to write. */
export interface ChangeSet {
  /** Ids of jobs that changed; those that were removed since have to be passed over. */
  readonly jobIds: readonly number[];
  readonly removedJobs: readonly RemovedJob[];
  readonly queues: ReadonlySet<NamedQueue>;
  readonly removedQueues: readonly number[];
  readonly sessions: ReadonlySet<Session>;
  readonly removedSessions: readonly number[];
}

const TIDY_MIN = 4096;

/**
 * Which records changed since the last checkpoint. Marking costs a flag and an id; a job that comes and goes between two
 * checkpoints leaves nothing, and is not held in memory.
 */
export class ChangeTracker {
  #jobIds: number[] = [];
  #dirtyJobs = 0;
  #removedJobs: RemovedJob[] = [];
  #queues = new Set<NamedQueue>();
  #removedQueues: number[] = [];
  #sessions = new Set<Session>();
  #removedSessions: number[] = [];
  readonly #isDirty: (jobId: number) => boolean;

  /** @param isDirty whether a job of this id exists and is marked. */
  constructor(isDirty: (jobId: number) => boolean) {
    this.#isDirty = isDirty;
  }

  /** Records that are going to be written, about. */
  get pending(): number {
    const removed = this.#removedJobs.length + this.#removedQueues.length + this.#removedSessions.length;
    return this.#dirtyJobs + this.#queues.size + this.#sessions.size + removed;
  }

  job(job: Job): void {
    if ((job.flags & JobFlag.dirty) !== 0) return;
    job.flags |= JobFlag.dirty;
    this.#dirtyJobs += 1;
    this.#jobIds.push(job.id);
    if (this.#jobIds.length >= TIDY_MIN && this.#jobIds.length > 2 * this.#dirtyJobs) this.#tidy();
  }

  jobRemoved(job: Job): void {
    if ((job.flags & JobFlag.dirty) !== 0) this.#dirtyJobs -= 1;
    if ((job.flags & JobFlag.rowStored) !== 0) this.#removedJobs.push({ id: job.id, flags: job.flags });
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

  /** Hands out what is marked and starts anew. The flags on the records are the taker's to clear. */
  take(): ChangeSet {
    const taken: ChangeSet = {
      jobIds: this.#jobIds.filter(this.#isDirty).sort((a, b) => a - b),
      removedJobs: this.#removedJobs,
      queues: this.#queues,
      removedQueues: this.#removedQueues,
      sessions: this.#sessions,
      removedSessions: this.#removedSessions,
    };
    this.#jobIds = [];
    this.#dirtyJobs = 0;
    this.#removedJobs = [];
    this.#queues = new Set();
    this.#removedQueues = [];
    this.#sessions = new Set();
    this.#removedSessions = [];
    return taken;
  }

  /** Forgets the ids of jobs that are gone, once they are most of the list: marking stays cheap on average. */
  #tidy(): void {
    this.#jobIds = this.#jobIds.filter(this.#isDirty);
  }
}
