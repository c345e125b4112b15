import { JobraftError } from '../base/errors.ts';

/**
 * Events behind the place of the reader are not there any more, or were never recorded: too many followed, or the queue recorded none for a
 * while since no reader was connected. `oldestEventId` is the oldest one that is there.
 */
export class EventsLostError extends JobraftError {
  override readonly code = 'EVENTS_LOST';
  /** The id behind which the reader was to go on. */
  readonly lastEventId: string;
  /** Undefined if the queue records no events now. */
  readonly oldestEventId: string | undefined;

  constructor(queue: string, lastEventId: string, oldestEventId: string | undefined) {
    super(
      `Events of queue "${queue}" behind the id ${lastEventId} are lost: more followed than a queue keeps, or no reader was connected for too long. ` +
        `${oldestEventId === undefined ? 'None are there now' : `The oldest one that is there is ${oldestEventId}`}. ` +
        'Read the state of the jobs that you follow, with getJob() or getJobs(), and go on from there.',
    );
    this.lastEventId = lastEventId;
    this.oldestEventId = oldestEventId;
  }
}

/** Too many queues record events: this one does not. It is tried again. */
export class EventLimitError extends JobraftError {
  override readonly code = 'EVENT_LIMIT';

  constructor(queue: string, queuesMax: number) {
    super(`Queue "${queue}" records no events: ${queuesMax} others do. Close the QueueEvents of queues that need none.`);
  }
}

/** The job that the program waits for has failed for good. */
export class JobFailedError extends JobraftError {
  override readonly code = 'JOB_FAILED';
  readonly jobId: string;
  /** Why its last attempt failed; cut to 4 KiB if an event brought it. */
  readonly failedReason: string;

  constructor(jobId: string, failedReason: string) {
    super(`Job ${jobId} failed: ${failedReason}`);
    this.jobId = jobId;
    this.failedReason = failedReason;
  }
}

/** The job that the program waits for was removed before it finished, or is gone and how it ended is not known. */
export class JobRemovedError extends JobraftError {
  override readonly code = 'JOB_REMOVED';
  readonly jobId: string;

  /** @param isSeen an event reported the removal. */
  constructor(jobId: string, isSeen: boolean) {
    super(
      isSeen
        ? `Job ${jobId} was removed before it finished. Add it again if its result is needed.`
        : `There is no job ${jobId}, and no event says how it ended: it finished or was removed before. Keep it with "removeOnComplete" and "removeOnFail".`,
    );
    this.jobId = jobId;
  }
}

/** The job is completed, but its result is too large for an event, and the queue does not keep the job. */
export class ResultNotKeptError extends JobraftError {
  override readonly code = 'RESULT_NOT_KEPT';
  readonly jobId: string;

  constructor(jobId: string, bytesMax: number) {
    super(
      `Job ${jobId} is completed, but its result is longer than the ${bytesMax} bytes of an event, and the job is not kept. Keep it with "removeOnComplete", or store the result elsewhere.`,
    );
    this.jobId = jobId;
  }
}

/** The job did not finish within the time that the caller gave. It goes on. */
export class WaitTimeoutError extends JobraftError {
  override readonly code = 'WAIT_TIMEOUT';
  readonly jobId: string;

  constructor(jobId: string, ttlMs: number) {
    super(`Job ${jobId} did not finish within ${ttlMs} ms. It goes on: wait again, or read its state with job.getState().`);
    this.jobId = jobId;
  }
}

/** The QueueEvents is closed: it brings no event any more. */
export class QueueEventsClosedError extends JobraftError {
  override readonly code = 'QUEUE_EVENTS_CLOSED';

  constructor(queue: string) {
    super(`The QueueEvents of queue "${queue}" is closed. Create a new one, and wait again.`);
  }
}
