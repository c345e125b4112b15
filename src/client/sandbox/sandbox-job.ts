import { JOB_MISSING } from '../api/bullmq-names.ts';
import type { JobProgress } from '../api/job-changes.ts';
import type { JobOptions } from '../api/job-options.ts';
import { knownJobOptions } from '../api/known-options.ts';
import { addMissingNames } from '../api/not-supported.ts';

/** What a thread receives of a job. */
export interface SandboxJobData {
  readonly id: string;
  readonly queueName: string;
  readonly name: string;
  readonly data: unknown;
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  readonly stalledCounter: number;
  readonly timestamp: number;
  readonly processedOn: number | undefined;
  readonly token: number | undefined;
  readonly repeatJobKey: string | undefined;
  readonly scheduledFor: number | undefined;
  readonly progress: JobProgress;
}

const IN_THREAD = 'A thread has no connection to the cluster: use the queue, or a processor that is a function.';

/** The first argument of a processor in a file: the fields of a Job, without its methods. */
export class SandboxJob<Data = unknown> {
  readonly id: string;
  readonly queueName: string;
  readonly name: string;
  readonly data: Data;
  /** `attempts` only; reading another option throws a NotSupportedError. */
  readonly opts: JobOptions;
  readonly attemptsMade: number;
  readonly stalledCounter: number;
  /** When the job was added, in wall-clock milliseconds. */
  readonly timestamp: number;
  /** When this attempt began, in milliseconds by the worker's wall clock. */
  readonly processedOn: number | undefined;
  /** The fencing token; the processor's second argument is its decimal form. */
  readonly token: number | undefined;
  /** The id of the job scheduler that added the job; undefined if none did. */
  readonly repeatJobKey: string | undefined;
  /** The time for which its scheduler scheduled it, in wall-clock milliseconds. */
  readonly scheduledFor: number | undefined;
  /** The progress that the job had when it was claimed; 0 if none was set. */
  readonly progress: JobProgress;

  static {
    const { asyncMethods, properties } = JOB_MISSING;
    const calls = [
      'retry',
      'remove',
      'promote',
      'changePriority',
      'changeDelay',
      'updateProgress',
      'updateData',
      'log',
      'clearLogs',
      'getState',
      'isCompleted',
      'isFailed',
      'isDelayed',
      'isActive',
      'isWaiting',
    ];
    addMissingNames(SandboxJob, 'Job', {
      ...JOB_MISSING,
      asyncMethods: { ...asyncMethods, ...Object.fromEntries(calls.map((name) => [name, IN_THREAD])) },
      properties: { ...properties, delay: 'Put it into the data of the job.', priority: 'Put it into the data of the job.' },
      setters: {},
    });
  }

  constructor(source: SandboxJobData) {
    this.id = source.id;
    this.queueName = source.queueName;
    this.name = source.name;
    // The only cast: the file's type parameter defines the data of its jobs.
    this.data = source.data as Data;
    this.opts = knownJobOptions(source.attemptsMax, undefined);
    this.attemptsMade = source.attemptsMade;
    this.stalledCounter = source.stalledCounter;
    this.timestamp = source.timestamp;
    this.processedOn = source.processedOn;
    this.token = source.token;
    this.repeatJobKey = source.repeatJobKey;
    this.scheduledFor = source.scheduledFor;
    this.progress = source.progress;
  }
}
