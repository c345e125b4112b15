/** All states of the design; `cancelled` and `expired` are not reachable yet. A state's code is its position. */
export const JOB_STATES = ['waiting-children', 'delayed', 'waiting', 'active', 'completed', 'failed', 'cancelled', 'expired'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const StateCode = Object.freeze({ 'waiting-children': 0, delayed: 1, waiting: 2, active: 3, completed: 4, failed: 5, removed: 255 });
/** In a reply that names no state. */
export const NO_STATE = StateCode.removed;

/** How many jobs of a queue are in each state. */
export interface JobCounts {
  readonly delayed: number;
  readonly waiting: number;
  readonly active: number;
  readonly completed: number;
  readonly failed: number;
}

/** Likewise, with the jobs that wait for their children. */
export interface QueueCounts extends JobCounts {
  readonly 'waiting-children': number;
}
