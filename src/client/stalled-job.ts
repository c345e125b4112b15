import { STALLED_REASON } from '../protocol/reply.ts';
import { JobStalledError } from './errors.ts';
import { type Job, jobOfDetail } from './job.ts';
import type { LeasedJob } from './leased-job.ts';
import type { Pipeline } from './pipeline.ts';

/** The job as the cluster has it, and why it failed. */
export interface StalledJobFailure<Data, Result> {
  readonly job: Job<Data, Result>;
  readonly error: JobStalledError;
}

/**
 * Reads what became of a job whose lease this worker lost: the stall may have been one more than is allowed.
 * @param onKnown called once, with undefined if it waits again, another worker has had it since, or the cluster could not be asked.
 */
export function readStalledJob<Data, Result>(
  pipeline: Pipeline,
  { id, token }: Pick<LeasedJob<Data, Result>, 'id' | 'token'>,
  onKnown: (failure: StalledJobFailure<Data, Result> | undefined) => void,
): void {
  try {
    pipeline.query('linearizable', (encoder) => encoder.getJob(id), {
      onResult: (result) => {
        const detail = result.ok && result.type === 'job' && result.job.state === 'failed' ? result.job : undefined;
        const reason = detail?.failedReason;
        // The lease that it lost last was this one, or another worker tells it.
        if (detail?.token !== token || reason?.startsWith(STALLED_REASON) !== true) onKnown(undefined);
        else onKnown({ job: jobOfDetail(detail), error: new JobStalledError(id, reason) });
      },
      onError: () => onKnown(undefined),
    });
  } catch {
    onKnown(undefined);
  }
}
