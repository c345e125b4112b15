import { type EventName, timeBytes } from '../protocol/events.ts';
import { StateCode } from '../protocol/job-state.ts';
import type { ChangeTracker } from './change-tracker.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { DeduplicationTable } from './deduplication-table.ts';
import { EventTable } from './event-table.ts';
import type { FinishedList } from './finished-list.ts';
import { FlowTable } from './flow-table.ts';
import { type Job, NEVER, NO_END, NO_TERMS } from './job.ts';
import { JobTable } from './job-table.ts';
import { LogTable } from './log-table.ts';
import type { NamedQueue } from './named-queue.ts';
import { ProgressTable } from './progress-table.ts';
import { QueuePace } from './queue-pace.ts';
import { QueueTable } from './queue-table.ts';
import type { RateLimit } from './rate-window.ts';
import { RunningWindows } from './running-windows.ts';
import { SchedulerTable } from './scheduler-table.ts';
import { TRIM_PER_FINISH_MAX } from './state-bounds.ts';

export const NO_JOBS: ReadonlySet<number> = new Set();

/**
 * The jobs in the indexes of their states. Every method keeps all indexes and counts consistent: between two calls each job is in exactly
 * one state and in that state's index (invariant 5).
 */
export class JobIndexes {
  readonly table = new JobTable();
  readonly progress = new ProgressTable();
  readonly logs: LogTable;
  readonly queues: QueueTable;
  readonly leases = new DeadlineHeap<Job>();
  readonly delayed = new DeadlineHeap<Job>();
  /** Finished jobs that are kept for a time. */
  readonly keptForTime = new DeadlineHeap<Job>();
  readonly schedulers: SchedulerTable;
  readonly flows: FlowTable;
  readonly windows = new RunningWindows();
  readonly deduplications: DeduplicationTable;
  readonly events: EventTable;
  nextFinishOrder = 1;
  /** Version of the entry that is applied; set by the machine. */
  version = 1;
  trimPerFinishMax = TRIM_PER_FINISH_MAX;
  /** The log time of the entry that is applied; set by the machine. */
  logMs = 0;
  /** The wall time of the entry that is applied. */
  protected wall = NEVER;
  protected readonly changes: ChangeTracker;
  /** While a transaction is executed: the jobs that its operations name. */
  named: ReadonlySet<number> = NO_JOBS;
  protected readonly onQueueFilled: ((queue: string) => void) | undefined;

  /** @param onQueueFilled called for each queue that had no waiting job and has one now. */
  constructor(changes: ChangeTracker, onQueueFilled?: (queue: string) => void) {
    this.changes = changes;
    this.queues = new QueueTable(changes);
    this.schedulers = new SchedulerTable(changes);
    this.deduplications = new DeduplicationTable(changes);
    this.events = new EventTable(changes, this.queues);
    this.flows = new FlowTable(changes);
    this.logs = new LogTable(changes);
    this.onQueueFilled = onQueueFilled;
  }

  /** The wall time of the entry that is applied; set by the machine. */
  get wallMs(): number {
    return this.wall.ms;
  }

  set wallMs(ms: number) {
    if (ms !== this.wall.ms) this.wall = { ms };
  }

  /** When the next window of a rate or recording of events ends, or the next deduplication id is free, in log time. Infinity if none. */
  get nextLogEndMs(): number {
    return Math.min(this.windows.nextEndMs, this.events.nextEndMs, this.deduplications.top()?.dueMs ?? Number.POSITIVE_INFINITY);
  }

  /** When the next delay or the time of a kept job ends, or the next job scheduler ticks, in wall time. Infinity if none. */
  get nextWallEndMs(): number {
    const next = [this.delayed.top(), this.keptForTime.top(), this.schedulers.top()];
    return Math.min(...next.map((one) => one?.dueMs ?? Number.POSITIVE_INFINITY));
  }

  /** Takes a queue of a checkpoint, before its jobs. */
  restoreQueue(queue: NamedQueue<Job>): void {
    this.queues.byName.set(queue.name, queue);
    if (queue.pace?.window !== undefined) this.windows.add(queue, queue.pace.window);
  }

  /** Puts a job of a checkpoint into its index. Jobs come in ascending ids; finished ones in the order they finished. */
  restore(job: Job): void {
    const { queue, policy } = job;
    if (policy.customId !== undefined) queue.keepId(policy.customId, job);
    if (job.state === StateCode.waiting) {
      queue.waiting += 1;
      queue.index.push(job);
    } else if (job.state === StateCode.delayed) {
      queue.delayed += 1;
      this.delayed.push(job);
    } else if (job.state === StateCode.active) {
      queue.active += 1;
      queue.pace?.onActive(queue.active);
      this.leases.push(job);
    } else if (job.state === StateCode['waiting-children']) queue.waitingChildren += 1;
    else if (job.state === StateCode.completed) queue.keptCompleted.append(job);
    else queue.keptFailed.append(job);
    if (job.end.finishOrder > 0 && job.dueMs > 0) this.keptForTime.push(job);
  }

  protected enterWaiting(job: Job): void {
    const { queue } = job;
    if (queue.events !== undefined) this.note('waiting', job);
    job.state = StateCode.waiting;
    queue.waiting += 1;
    queue.index.push(job);
    if (queue.waiting === 1) this.onQueueFilled?.(queue.name);
  }

  protected enterDelayed(job: Job, dueMs: number): void {
    if (job.queue.events !== undefined) this.note('delayed', job, timeBytes(dueMs));
    job.state = StateCode.delayed;
    job.dueMs = dueMs;
    job.queue.delayed += 1;
    this.delayed.push(job);
  }

  /** @param delayMs from its end on. */
  protected enterWaitingChildren(job: Job, delayMs: number): void {
    if (job.queue.events !== undefined) this.note('waiting-children', job);
    job.state = StateCode['waiting-children'];
    job.dueMs = delayMs;
    job.queue.waitingChildren += 1;
  }

  /** The job is in no index then. */
  protected leaveWaitingChildren(job: Job): void {
    job.queue.waitingChildren -= 1;
    job.state = StateCode.removed;
    job.dueMs = 0;
  }

  /** A job waits for no child any more. */
  protected endWaitForChildren(job: Job): void {
    const delayMs = job.dueMs;
    job.queue.waitingChildren -= 1;
    job.dueMs = 0;
    if (delayMs > 0) this.enterDelayed(job, this.wallMs + delayMs);
    else this.enterWaiting(job);
    this.changes.job(job);
  }

  protected enterFinished(job: Job, state: number, kept: FinishedList<Job>): void {
    job.state = state;
    const end = job.ownEnd();
    end.finished = this.wall;
    end.finishOrder = this.nextFinishOrder;
    this.nextFinishOrder += 1;
    kept.append(job);
    const { keepCompletedMs, keepFailedMs } = job.policy;
    const keepMs = state === StateCode.completed ? keepCompletedMs : keepFailedMs;
    if (keepMs > 0) {
      job.dueMs = this.wallMs + keepMs;
      this.keptForTime.push(job);
    }
    this.changes.job(job);
  }

  protected leaveFinished(job: Job, kept: FinishedList<Job>): void {
    kept.remove(job);
    if (job.heapAt < 0) return;
    this.keptForTime.remove(job);
    job.dueMs = 0;
  }

  /** The time for which a finished job is kept is over. */
  protected endKeeping(job: Job): void {
    const { queue } = job;
    this.leaveFinished(job, job.state === StateCode.completed ? queue.keptCompleted : queue.keptFailed);
    this.evict(job);
  }

  protected leaveActive(job: Job): void {
    const { queue } = job;
    this.leases.remove(job);
    queue.active -= 1;
    if (queue.pace !== undefined) {
      queue.pace.onActive(queue.active);
      this.#offer(queue);
    }
    job.dueMs = 0;
    job.isBegun = false;
    job.terms = NO_TERMS;
  }

  /** A delayed job becomes waiting. */
  protected endDelay(job: Job): void {
    this.delayed.remove(job);
    job.queue.delayed -= 1;
    job.dueMs = 0;
    this.enterWaiting(job);
    this.changes.job(job);
  }

  /** Puts a copy of a job that waits or is delayed in its place. */
  protected replace(job: Job, copy: Job): void {
    const { queue, policy, state } = job;
    if (state === StateCode.delayed) this.delayed.remove(job);
    this.forget(job);
    this.table.replace(copy);
    if (policy.customId !== undefined) queue.keepId(policy.customId, copy);
    if (state === StateCode.delayed) {
      this.delayed.push(copy);
    } else {
      queue.index.onRemoved(job);
      queue.index.push(copy);
    }
    this.changes.job(copy);
  }

  /** Ends a job that is not active. */
  protected drop(job: Job): void {
    const { queue } = job;
    this.deduplications.onRemoved(job.id);
    if (queue.events !== undefined) this.note('removed', job);
    switch (job.state) {
      case StateCode.waiting:
        queue.waiting -= 1;
        this.evict(job);
        queue.index.onRemoved(job);
        return;
      case StateCode.delayed:
        queue.delayed -= 1;
        this.delayed.remove(job);
        break;
      case StateCode['waiting-children']:
        queue.waitingChildren -= 1;
        break;
      case StateCode.completed:
        this.leaveFinished(job, queue.keptCompleted);
        break;
      default:
        this.leaveFinished(job, queue.keptFailed);
    }
    this.evict(job);
  }

  /**
   * Removes the oldest kept jobs beyond `keep`; bounded, so that one operation never processes a whole backlog. A job that a transaction names
   * stays until a later one finishes, and so do those behind it.
   */
  protected trim(kept: FinishedList<Job>, keep: number): void {
    if (keep < 0) return;
    for (let trimmed = 0; kept.size > keep && trimmed < this.trimPerFinishMax; trimmed += 1) {
      const oldest = kept.oldest as Job;
      if (this.named.has(oldest.id)) return;
      this.leaveFinished(oldest, kept);
      this.evict(oldest);
    }
  }

  /** Ends a job that is no longer in any index. */
  protected evict(job: Job): void {
    this.changes.jobRemoved(job);
    this.progress.drop(job);
    this.deduplications.onGone(job.id);
    this.logs.drop(job.id);
    if (job.policy.customId !== undefined) job.queue.dropId(job.policy.customId);
    this.forget(job);
    this.table.delete(job.id);
    if (!this.flows.isEmpty) this.leaveFlow(job);
    this.queues.dropIfUnused(job.queue, this.version);
  }

  /** Records an event of a job, before its state changes, if its queue records any. Check that first where most jobs come by. */
  protected note(name: EventName, job: Job, detail?: Uint8Array, prev: number = job.state): void {
    this.events.record(job.queue, name, job, this.wallMs, prev, detail);
  }

  /** The job is gone from the table; what its flow has of it may go, too. */
  protected leaveFlow(_job: Job): void {}

  /** The job is gone; the index of waiting jobs may keep it for a while. */
  protected forget(job: Job): void {
    job.state = StateCode.removed;
    job.entryData = undefined;
    job.end = NO_END;
  }

  /** Changes the limits of a queue. */
  protected changePace(queue: NamedQueue<Job>, change: (pace: QueuePace) => void): void {
    const pace = queue.pace ?? new QueuePace();
    const { window } = pace;
    change(pace);
    queue.pace = pace.isUnused ? undefined : pace;
    if (pace.window !== undefined && pace.window !== window) this.windows.add(queue, pace.window);
    this.changes.queue(queue);
    this.queues.dropIfUnused(queue, this.version);
    this.#offer(queue);
  }

  /** A claim took a job of a queue with limits, or brings one. */
  protected onTaken(queue: NamedQueue<Job>, limiter: RateLimit | undefined, logMs: number): void {
    queue.pace ??= new QueuePace();
    const { pace } = queue;
    const { window } = pace;
    pace.onTaken(limiter, logMs);
    if (pace.window === undefined) return;
    if (pace.window !== window) this.windows.add(queue, pace.window);
    this.changes.queue(queue);
  }

  /** Claims that wait take jobs of the queue, if they can now. */
  #offer(queue: NamedQueue<Job>): void {
    if (queue.claimable > 0) this.onQueueFilled?.(queue.name);
  }

  find(queueName: string | undefined, jobId: number): Job | undefined {
    const job = this.table.get(jobId);
    return job === undefined || queueName === undefined || job.queue.name === queueName ? job : undefined;
  }
}
