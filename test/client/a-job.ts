import { Job, type JobHolder } from '../../src/client/api/job.ts';
import type { JobCommands } from '../../src/client/api/job-commands.ts';

const reject = (): never => {
  throw new Error('this job has no cluster');
};

/** For jobs without a cluster. */
export const noCommands: JobCommands = {
  cluster: undefined,
  retry: reject,
  remove: reject,
  removeAlone: reject,
  removeUnprocessed: reject,
  removeDependency: reject,
  children: reject,
  promote: reject,
  changePriority: reject,
  changeDelay: reject,
  updateProgress: reject,
  updateData: reject,
  removeDeduplication: reject,
  addLog: reject,
  clearLogs: reject,
  stateOf: reject,
  detailOf: reject,
};

export const noHolder: JobHolder = { onProgress: () => undefined, onEnded: () => undefined };

type JobSource<Data> = ConstructorParameters<typeof Job<Data>>[0];

/** A job of one attempt, without a cluster. */
export function aJob<Data = unknown>(source: Partial<JobSource<Data>>): Job<Data> {
  return new Job<Data>({ id: 1, queueName: 'q', commands: noCommands, timestamp: 0, attemptsMade: 0, attemptsMax: 1, ...source });
}
