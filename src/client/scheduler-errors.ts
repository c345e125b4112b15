import { JobraftError } from '../base/errors.ts';

/** There are too many job schedulers, or their payloads are too large together: nothing was set. */
export class SchedulerLimitError extends JobraftError {
  override readonly code = 'SCHEDULER_LIMIT';
}

/** The queue has no job scheduler of this id: it was never set, was removed, or has added its last job. */
export class SchedulerNotFoundError extends JobraftError {
  override readonly code = 'SCHEDULER_NOT_FOUND';
}

/** The cluster does not know the cron pattern or the time zone of a job scheduler, or it has no time: nothing was set. */
export class InvalidPatternError extends JobraftError {
  override readonly code = 'INVALID_PATTERN';
  readonly pattern: string;
  readonly tz: string | undefined;

  constructor(pattern: string, tz: string | undefined, message: string) {
    super(message);
    this.pattern = pattern;
    this.tz = tz;
  }
}
