import type { JobState } from '../../protocol/job-state.ts';

/** A method for each state that a job can be in; each asks the cluster, and rejects as `getState` does. */
export abstract class JobStateChecks {
  abstract getState(): Promise<JobState | 'unknown'>;

  async isCompleted(): Promise<boolean> {
    return (await this.getState()) === 'completed';
  }

  async isFailed(): Promise<boolean> {
    return (await this.getState()) === 'failed';
  }

  async isDelayed(): Promise<boolean> {
    return (await this.getState()) === 'delayed';
  }

  async isActive(): Promise<boolean> {
    return (await this.getState()) === 'active';
  }

  /** Whether it waits for its children. */
  async isWaitingChildren(): Promise<boolean> {
    return (await this.getState()) === 'waiting-children';
  }

  async isWaiting(): Promise<boolean> {
    return (await this.getState()) === 'waiting';
  }
}
