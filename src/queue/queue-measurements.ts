import type { QueueCounts } from '../protocol/job-state.ts';
import type { Job } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { JobTotals } from './job-totals.ts';
import type { NamedQueue } from './named-queue.ts';
import type { OperationCount, OperationCounts } from './operation-counts.ts';

/** How many queues are shown one by one; the others are added up. */
export const QUEUES_SHOWN_MAX = 100;
/** Beyond this number queues are not looked at, so that a measurement takes a few milliseconds at most. */
const QUEUES_LOOKED_MAX = 10_000;
/** How many jobs of a queue are looked at for the oldest one. */
const JOBS_LOOKED_MAX = 1_000;

/** Depth and age of one queue, or of all that are not shown. */
export interface QueueMeasurement extends QueueCounts {
  /** How long ago the oldest waiting job was added, in ms of the wall clock; 0 if none waits. */
  readonly oldestWaitingMs: number;
}

export interface MachineMeasurements {
  readonly totals: JobTotals;
  readonly operations: readonly OperationCount[];
  readonly leases: number;
  readonly sessions: number;
  /** All jobs, finished ones that are kept included. */
  readonly jobs: number;
  readonly queues: number;
  /** At most {@link QUEUES_SHOWN_MAX}: of more, those with the most unfinished jobs. */
  readonly shown: readonly (QueueMeasurement & { readonly name: string; readonly isPaused: boolean })[];
  /** The other queues together; undefined if there is none. */
  readonly others: QueueMeasurement | undefined;
}

export interface MeasuredState {
  readonly jobs: JobStore;
  readonly operations: OperationCounts;
  readonly sessions: number;
}

/** @param wallMs now. */
export function measureQueues({ jobs, operations, sessions }: MeasuredState, wallMs: number): MachineMeasurements {
  const queues: NamedQueue<Job>[] = [];
  for (const queue of jobs.queues.byName.values()) {
    if (queues.length === QUEUES_LOOKED_MAX) break;
    queues.push(queue);
  }
  if (queues.length > QUEUES_SHOWN_MAX) queues.sort((one, other) => unfinished(other) - unfinished(one));
  const shown = queues.slice(0, QUEUES_SHOWN_MAX);
  const hidden = queues.slice(QUEUES_SHOWN_MAX);
  return {
    totals: { ...jobs.totals },
    operations: operations.list(),
    leases: jobs.leases.size,
    sessions,
    jobs: jobs.table.size,
    queues: jobs.queues.byName.size,
    shown: shown.map((queue) => ({ name: queue.name, isPaused: queue.isPaused, ...measured(queue, wallMs) })),
    others: hidden.length === 0 ? undefined : hidden.map((queue) => measured(queue, wallMs)).reduce(addQueues),
  };
}

const unfinished = (queue: NamedQueue<Job>): number => queue.waiting + queue.delayed + queue.active + queue.waitingChildren;

function measured(queue: NamedQueue<Job>, wallMs: number): QueueMeasurement {
  const { delayed, waiting, active, completed, failed, waitingChildren } = queue;
  const oldest = waiting === 0 ? undefined : queue.index.oldest(JOBS_LOOKED_MAX);
  const oldestWaitingMs = oldest === undefined ? 0 : Math.max(0, wallMs - oldest.addedMs);
  return { delayed, waiting, active, completed, failed, 'waiting-children': waitingChildren, oldestWaitingMs };
}

/** Both together. */
export const addQueues = (one: QueueMeasurement, other: QueueMeasurement): QueueMeasurement => ({
  delayed: one.delayed + other.delayed,
  waiting: one.waiting + other.waiting,
  active: one.active + other.active,
  completed: one.completed + other.completed,
  failed: one.failed + other.failed,
  'waiting-children': one['waiting-children'] + other['waiting-children'],
  oldestWaitingMs: Math.max(one.oldestWaitingMs, other.oldestWaitingMs),
});
