import { StateCode } from '../protocol/job-state.ts';
import type { ChangeTracker } from './change-tracker.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import type { FinishedList } from './finished-list.ts';
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
  readonly schedulers: SchedulerTable;
  readonly windows = new RunningWindows();
  nextFinishOrder = 1;
  /** Version of the entry that is applied; set by the machine. */
  version = 1;
  trimPerFinishMax = TRIM_PER_FINISH_MAX;
  /** The wall time of the entry that is applied. */
  protected wall = NEVER;
  protected readonly changes: ChangeTracker;
  /** In a transaction: what to trim after it. */
  #deferred: { readonly kept: FinishedList<Job>; readonly keep: number }[] | undefined;
  protected readonly onQueueFilled: ((queue: string) => void) | undefined;

  /** @param onQueueFilled called for each queue that had no waiting job and has one now. */
  constructor(changes: ChangeTracker, onQueueFilled?: (queue: string) => void) {
    this.changes = changes;
    this.queues = new QueueTable(changes);
    this.schedulers = new SchedulerTable(changes);
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
    } else if (job.state === StateCode.completed) queue.keptCompleted.append(job);
    else queue.keptFailed.append(job);
  }

  protected enterWaiting(job: Job): void {
    const { queue } = job;
    job.state = StateCode.waiting;
    queue.waiting += 1;
    queue.index.push(job);
    if (queue.waiting === 1) this.onQueueFilled?.(queue.name);
  }

  protected enterDelayed(job: Job, dueMs: number): void {
    job.state = StateCode.delayed;
    job.dueMs = dueMs;
    job.queue.delayed += 1;
    this.delayed.push(job);
  }

  protected enterFinished(job: Job, state: number, kept: FinishedList<Job>): void {
    job.state = state;
    const end = job.ownEnd();
    end.finished = this.wall;
    end.finishOrder = this.nextFinishOrder;
    this.nextFinishOrder += 1;
    kept.append(job);
    this.changes.job(job);
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
      case StateCode.completed:
        queue.keptCompleted.remove(job);
        break;
      default:
        queue.keptFailed.remove(job);
    }
    this.evict(job);
  }

  /** Until {@link trimDeferred} no kept job is removed for a later one. */
  deferTrims(): void {
    this.#deferred = [];
  }

  trimDeferred(): void {
    const deferred = this.#deferred ?? [];
    this.#deferred = undefined;
    for (const { kept, keep } of deferred) this.trim(kept, keep);
  }

  /** Removes the oldest kept jobs beyond `keep`; bounded, so that one operation never processes a whole backlog. */
  protected trim(kept: FinishedList<Job>, keep: number): void {
    if (keep < 0) return;
    if (this.#deferred !== undefined) {
      this.#deferred.push({ kept, keep });
      return;
    }
    for (let trimmed = 0; kept.size > keep && trimmed < this.trimPerFinishMax; trimmed += 1) {
      const oldest = kept.oldest as Job;
      kept.remove(oldest);
      this.evict(oldest);
    }
  }

  /** Ends a job that is no longer in any index. */
  protected evict(job: Job): void {
    this.changes.jobRemoved(job);
    this.progress.drop(job);
    this.logs.drop(job.id);
    if (job.policy.customId !== undefined) job.queue.dropId(job.policy.customId);
    this.forget(job);
    this.table.delete(job.id);
    this.queues.dropIfUnused(job.queue, this.version);
  }

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
