import { ALONE, IN_ENTRY, pageOf, REPLACED } from './checkpoint-layout.ts';
import type { DeduplicatedJob } from './deduplicated-job.ts';
import { type EventChangeSet, EventChanges } from './event-changes.ts';
import type { ChildLink } from './flow-link.ts';
import { type Job, JobFlag } from './job.ts';
import type { JobLog } from './job-log.ts';
import type { NamedQueue } from './named-queue.ts';
import type { Scheduler } from './scheduler.ts';
import type { Session } from './session.ts';

/** A job that left the state while the checkpoint still has it; or its payload, that was replaced. */
export interface RemovedJob {
  readonly id: number;
  readonly flags: number;
  readonly packPosition: number;
  readonly entry: number;
}

/** The log of a job that lost all its rows: the segments that the checkpoint has of it, from one to before another. */
interface RemovedLog {
  readonly jobId: number;
  readonly from: number;
  readonly to: number;
}

/** What the next checkpoint has to write of logs. */
export interface LogChanges {
  readonly logs: ReadonlyMap<number, JobLog>;
  readonly removedLogs: readonly RemovedLog[];
}

/** What the next checkpoint has to write. */
export interface ChangeSet extends LogChanges {
  /** Pages with changed or removed jobs, in ascending order. A page may be empty by now, both here and in the checkpoint. */
  readonly pages: readonly number[];
  readonly removedJobs: readonly RemovedJob[];
  readonly queues: ReadonlySet<NamedQueue<Job>>;
  readonly removedQueues: readonly number[];
  readonly sessions: ReadonlySet<Session>;
  readonly removedSessions: readonly number[];
  readonly schedulers: ReadonlySet<Scheduler>;
  readonly removedSchedulers: readonly number[];
  readonly deduplicated: ReadonlySet<DeduplicatedJob>;
  readonly removedDeduplicated: readonly number[];
  readonly events: EventChangeSet;
  /** Pages with changed or removed links of children, in ascending order. */
  readonly childPages: readonly number[];
  /** The ids of children whose values are gone or replaced. */
  readonly removedChildValues: readonly number[];
}

/** Estimated cost of writing the next checkpoint, in pages of jobs: a page is read and encoded as a whole. */
export interface PendingWork {
  /** Written once, however often checkpoints are taken: payloads, results, and pages with many changed jobs. */
  readonly once: number;
  /** Written again by each of more frequent checkpoints: pages with few changed jobs, a row for each session and queue. */
  readonly repeated: number;
}

/** Bytes of payloads that take as long to write as a page of jobs (measured). */
const PAGE_BYTES = 8 * 1024;
/** The same for a row that is written or deleted beside it. */
const ROW_BYTES = 2 * 1024;
/** A log has a row of its own, and one of its latest segment. */
const LOG_ROW_BYTES = 2 * ROW_BYTES;
/** Deleting the bytes of a payload costs this share of writing them: only its pages are freed. */
const DELETED_SHARE = 1 / 32;
/** If this many jobs of each page changed on average, most pages are written once or twice. */
const DENSE_JOBS = 8;

/** Tracks which records changed since the last checkpoint. A job that comes and goes between two checkpoints leaves at most its page. */
export class ChangeTracker {
  #pages = new Set<number>();
  #latestPage = -1;
  #dirtyJobs = 0;
  /** Of payloads and outcomes, see {@link work}. */
  #payloadBytes = 0;
  #removedJobs: RemovedJob[] = [];
  #queues = new Set<NamedQueue<Job>>();
  #removedQueues: number[] = [];
  #sessions = new Set<Session>();
  #removedSessions: number[] = [];
  #schedulers = new Set<Scheduler>();
  #removedSchedulers: number[] = [];
  #deduplicated = new Set<DeduplicatedJob>();
  #removedDeduplicated: number[] = [];
  readonly events = new EventChanges();
  #childPages = new Set<number>();
  #removedChildValues: number[] = [];
  /** By job. */
  #logs = new Map<number, JobLog>();
  #removedLogs: RemovedLog[] = [];

  /** Jobs, sessions, queues, job schedulers and blocks of events that the next checkpoint has to bring up to date. */
  get pending(): number {
    const removed = this.#removedJobs.length + this.#removedQueues.length + this.#removedSessions.length + this.#removedSchedulers.length;
    const deduplicated = this.#deduplicated.size + this.#removedDeduplicated.length;
    const children = this.#childPages.size + this.#removedChildValues.length;
    const logs = this.#logs.size + this.#removedLogs.length;
    const dirty = this.#dirtyJobs + this.#queues.size + this.#sessions.size + this.#schedulers.size;
    return dirty + deduplicated + children + logs + this.events.pending + removed;
  }

  get work(): PendingWork {
    const pages = this.#pages.size;
    const isDense = this.#dirtyJobs + this.#removedJobs.length >= DENSE_JOBS * pages;
    const kept = this.#queues.size + this.#sessions.size + this.#schedulers.size;
    const removed = this.#removedQueues.length + this.#removedSessions.length + this.#removedSchedulers.length;
    const rows = kept + removed + this.events.pending + this.#childPages.size;
    const sideRows = this.#deduplicated.size + this.#removedDeduplicated.length;
    const once = (this.#payloadBytes + this.events.bytes + sideRows * ROW_BYTES) / PAGE_BYTES + (isDense ? pages : 0);
    return { once, repeated: (rows * ROW_BYTES) / PAGE_BYTES + (isDense ? 0 : pages) };
  }

  job(job: Job): void {
    if ((job.flags & JobFlag.dirty) !== 0) return;
    job.flags |= JobFlag.dirty;
    this.#dirtyJobs += 1;
    this.#payloadBytes += unstoredBytesOf(job);
    this.#markPage(job.id);
  }

  /** A job is about to get a result or reason of this length, which has a record of its own. */
  outcome(job: Job, length: number): void {
    this.#payloadBytes += (length > 0 ? ROW_BYTES + length : 0) - unstoredOutcomeBytesOf(job);
  }

  /** A job gets another payload. @param change of its fields. */
  payload(job: Job, change: () => void): void {
    const isDirty = (job.flags & JobFlag.dirty) !== 0;
    if (isDirty) this.#payloadBytes -= unstoredBytesOf(job);
    if ((job.flags & JobFlag.payloadStored) !== 0) {
      const { id, packPosition, entry } = job;
      this.#payloadBytes += storedPayloadBytesOf(job);
      this.#removedJobs.push({ id, flags: JobFlag.payloadStored, packPosition, entry });
      job.flags &= ~JobFlag.payloadStored;
    }
    change();
    if (isDirty) this.#payloadBytes += unstoredBytesOf(job);
    else this.job(job);
  }

  /** A job got another progress, which has a record of its own. */
  progress(job: Job): void {
    this.job(job);
    if ((job.flags & JobFlag.progressDirty) !== 0) return;
    job.flags |= JobFlag.progressDirty;
    this.#payloadBytes += ROW_BYTES;
  }

  jobRemoved(job: Job): void {
    if ((job.flags & JobFlag.dirty) !== 0) {
      this.#dirtyJobs -= 1;
      this.#payloadBytes -= unstoredBytesOf(job) + unstoredOutcomeBytesOf(job) + unstoredProgressBytesOf(job);
    }
    if ((job.flags & JobFlag.rowStored) === 0) return;
    this.#markPage(job.id);
    this.#payloadBytes += storedBytesOf(job);
    this.#removedJobs.push({ id: job.id, flags: job.flags, packPosition: job.packPosition, entry: job.entry });
  }

  queue(queue: NamedQueue<Job>): void {
    this.#queues.add(queue);
  }

  queueRemoved(queue: NamedQueue<Job>): void {
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

  /** A job scheduler was set or has ticked. Its row has its payload. */
  scheduler(scheduler: Scheduler): void {
    this.#schedulers.add(scheduler);
  }

  schedulerRemoved(scheduler: Scheduler): void {
    this.#schedulers.delete(scheduler);
    if (scheduler.isStored) this.#removedSchedulers.push(scheduler.id);
  }

  /** A deduplicated job took an id, or anything of its record changed. */
  deduplicated(job: DeduplicatedJob): void {
    this.#deduplicated.add(job);
  }

  deduplicatedRemoved(job: DeduplicatedJob): void {
    this.#deduplicated.delete(job);
    if (job.isStored) this.#removedDeduplicated.push(job.id);
  }

  /** A child was added, or its status has changed. */
  child(link: ChildLink): void {
    this.#childPages.add(pageOf(link.id));
  }

  /** A child ended with a value, which has a record of its own, or is unprocessed again and has none. */
  childValue(link: ChildLink, value: Uint8Array | undefined): void {
    this.child(link);
    this.#dropChildValue(link);
    link.valueLength = value?.length ?? 0;
    link.value = link.valueLength > 0 ? value : undefined;
    link.isValueDirty = link.valueLength > 0;
    if (link.isValueDirty) this.#payloadBytes += ROW_BYTES + link.valueLength;
  }

  childRemoved(link: ChildLink): void {
    this.child(link);
    this.#dropChildValue(link);
  }

  #dropChildValue(link: ChildLink): void {
    if (link.isValueDirty) this.#payloadBytes -= ROW_BYTES + link.valueLength;
    if (link.isValueStored) {
      this.#payloadBytes += ROW_BYTES + link.valueLength * DELETED_SHARE;
      this.#removedChildValues.push(link.id);
    }
    link.isValueDirty = false;
    link.isValueStored = false;
  }

  /** A log got or lost rows. It has a row of its own, and one for each of its segments. @param before its bytes in memory. */
  log(jobId: number, log: JobLog, before: number): void {
    this.#payloadBytes += log.rowBytes - before;
    if (this.#logs.has(jobId)) return;
    this.#logs.set(jobId, log);
    this.#payloadBytes += LOG_ROW_BYTES;
  }

  logRemoved(jobId: number, log: JobLog): void {
    if (this.#logs.delete(jobId)) this.#payloadBytes -= log.rowBytes + LOG_ROW_BYTES;
    if (!log.isStored) return;
    this.#payloadBytes += LOG_ROW_BYTES;
    this.#removedLogs.push({ jobId, from: log.storedFrom, to: log.storedTo });
  }

  /** Returns what is marked and clears the marks. The caller clears the flags on the records. */
  take(): ChangeSet {
    const taken: ChangeSet = {
      pages: [...this.#pages].sort((a, b) => a - b),
      removedJobs: this.#removedJobs,
      queues: this.#queues,
      removedQueues: this.#removedQueues,
      sessions: this.#sessions,
      removedSessions: this.#removedSessions,
      schedulers: this.#schedulers,
      removedSchedulers: this.#removedSchedulers,
      deduplicated: this.#deduplicated,
      removedDeduplicated: this.#removedDeduplicated,
      events: this.events.take(),
      childPages: [...this.#childPages].sort((a, b) => a - b),
      removedChildValues: this.#removedChildValues,
      logs: this.#logs,
      removedLogs: this.#removedLogs,
    };
    this.#pages = new Set();
    this.#latestPage = -1;
    this.#dirtyJobs = 0;
    this.#payloadBytes = 0;
    this.#removedJobs = [];
    this.#queues = new Set();
    this.#removedQueues = [];
    this.#sessions = new Set();
    this.#removedSessions = [];
    this.#schedulers = new Set();
    this.#removedSchedulers = [];
    this.#deduplicated = new Set();
    this.#removedDeduplicated = [];
    this.#childPages = new Set();
    this.#removedChildValues = [];
    this.#logs = new Map();
    this.#removedLogs = [];
    return taken;
  }

  /** Neighbours are mostly marked in a row. */
  #markPage(jobId: number): void {
    const page = pageOf(jobId);
    if (page === this.#latestPage) return;
    this.#latestPage = page;
    this.#pages.add(page);
  }
}

/** Bytes of the job's payload that the checkpoint does not have yet. */
function unstoredBytesOf({ flags, length, entry }: Job): number {
  if ((flags & JobFlag.payloadStored) !== 0 || length === 0) return 0;
  return entry > 0 ? ROW_BYTES : length;
}

function unstoredOutcomeBytesOf({ flags, end: { outcomeLength } }: Job): number {
  return (flags & JobFlag.outcomeDirty) !== 0 && outcomeLength > 0 ? ROW_BYTES + outcomeLength : 0;
}

/** Its length is below that of a row's cost. */
const unstoredProgressBytesOf = ({ flags }: Job): number => ((flags & JobFlag.progressDirty) !== 0 ? ROW_BYTES : 0);

/** Bytes that the checkpoint has of a job beside its page and its part of a pack, for the cost of deleting them. */
function storedBytesOf(job: Job): number {
  const { flags, end } = job;
  const outcomeBytes = (flags & JobFlag.outcomeStored) !== 0 ? ROW_BYTES + end.outcomeLength * DELETED_SHARE : 0;
  const progressBytes = (flags & JobFlag.progressStored) !== 0 ? ROW_BYTES : 0;
  return storedPayloadBytesOf(job) + outcomeBytes + progressBytes;
}

function storedPayloadBytesOf({ flags, length, packPosition }: Job): number {
  const isOwn = packPosition === ALONE || packPosition === IN_ENTRY || packPosition === REPLACED;
  return (flags & JobFlag.payloadStored) !== 0 && isOwn ? ROW_BYTES + length * DELETED_SHARE : 0;
}
