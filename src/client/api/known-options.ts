import { JOB_OPTIONS_SUPPORTED } from './bullmq-names.ts';
import type { JobOptions } from './job-options.ts';
import { NotSupportedError } from './not-supported.ts';

const REMEDIES: Readonly<Record<string, string>> = {
  jobId: 'Use job.id, which is the option if it was given.',
  deduplication: 'Use job.deduplicationId, which is its id if the option was given.',
};

/** Reading an option that the cluster does not send is an error: `undefined` would mean that it was not given. */
const UNKNOWN_OPTIONS: object = Object.create(Object.prototype);
for (const name of Object.keys(JOB_OPTIONS_SUPPORTED satisfies Record<keyof JobOptions, true>)) {
  const get = (): never => {
    const remedy = REMEDIES[name] ?? 'Put it into the data of the job, too.';
    throw new NotSupportedError(`Job.opts.${name} of a job that add() did not return`, remedy);
  };
  Object.defineProperty(UNKNOWN_OPTIONS, name, { get });
}

/** The options of a job that was read from the cluster. @param priority undefined if it was not sent. */
export function knownJobOptions(attempts: number, priority: number | undefined): JobOptions {
  const known: JobOptions = priority === undefined ? { attempts } : { attempts, priority };
  return Object.freeze(Object.create(UNKNOWN_OPTIONS, Object.getOwnPropertyDescriptors(known)));
}
