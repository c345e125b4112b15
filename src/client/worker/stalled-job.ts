import { STALLED_REASON } from '../../protocol/reply.ts';
import type { Job } from '../api/job.ts';
import type { JobCommands } from '../api/job-commands.ts';
import { jobOfDetail } from '../api/job-of.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { JobStalledError } from '../errors.ts';
import type { LeasedJob } from './leased-job.ts';

/** The job as the cluster has it, and the error of its failure. */
export interface StalledJobFailure<Data, Result> {
  readonly job: Job<Data, Result>;
  readonly error: JobStalledError;
}

/**
 * Reads the state of a job whose lease this worker lost: the stall may have failed it.
 * @param onKnown called once, with undefined if it waits again, another worker has had it since, or the cluster did not reply.
 */
export function readStalledJob<Data, Result>(
  dispatcher: Dispatcher,
  commands: JobCommands,
  { id, token, processedOn }: Pick<LeasedJob<Data, Result>, 'id' | 'token' | 'processedOn'>,
  onKnown: (failure: StalledJobFailure<Data, Result> | undefined) => void,
): void {
  try {
    dispatcher.query('linearizable', (encoder) => encoder.command('getJob', { jobId: id }), {
      onResult: (result) => {
        const detail = result.ok && result.type === 'job' && result.job.state === 'failed' ? result.job : undefined;
        const reason = detail?.failedReason;
        // Only if this was the last lease of the job; otherwise another worker reports the failure.
        if (detail?.token !== token || reason?.startsWith(STALLED_REASON) !== true) onKnown(undefined);
        else onKnown({ job: jobOfDetail(detail, commands, processedOn), error: new JobStalledError(id, reason) });
      },
      onError: () => onKnown(undefined),
    });
  } catch {
    onKnown(undefined);
  }
}
