import type { ClaimedJob, JobDetail } from '../../protocol/reply.ts';
import type { AddOptions } from '../../protocol/request-encoder.ts';
import { Job, type JobHolder, NOTHING } from './job.ts';
import type { JobCommands } from './job-commands.ts';

/** The job that an add found in place of its own. */
export interface DuplicateOf {
  readonly customId: string | undefined;
}

/** The job that add() returns: `timestamp` by the client's clock, and the same name and data objects. */
export const jobOfAdd = <Data, Result>(
  queueName: string,
  commands: JobCommands,
  id: number,
  timestamp: number,
  added: AddOptions,
  name: string,
  data: Data,
  duplicateOf?: DuplicateOf,
): Job<Data, Result> =>
  new Job<Data, Result>({
    ...{ id, queueName, commands, timestamp, attemptsMade: 0, attemptsMax: added.attemptsMax, added, name, data },
    customId: duplicateOf === undefined ? added.customId : duplicateOf.customId,
    deduplicationId: added.deduplication?.id,
    isDeduplicated: duplicateOf !== undefined,
  });

export const jobOfClaim = <Data, Result>(
  queueName: string,
  commands: JobCommands,
  claimed: ClaimedJob,
  holder: JobHolder,
): Job<Data, Result> =>
  new Job<Data, Result>({
    id: claimed.id,
    customId: claimed.customId,
    deduplicationId: claimed.deduplicationId,
    queueName,
    commands,
    timestamp: claimed.addedMs,
    attemptsMade: claimed.attempt - 1,
    attemptsMax: claimed.attemptsMax,
    stalledCounter: claimed.stalls,
    tick: claimed.tick,
    token: claimed.token,
    holder,
    progress: claimed.progress,
    payload: claimed.payload ?? NOTHING,
  });

/** @param processedOn when the latest attempt began, if it is known. */
export const jobOfDetail = <Data, Result>(detail: JobDetail, commands: JobCommands, processedOn?: number): Job<Data, Result> =>
  new Job<Data, Result>({
    id: detail.id,
    customId: detail.customId,
    deduplicationId: detail.deduplicationId,
    queueName: detail.queue,
    commands,
    timestamp: detail.addedMs,
    attemptsMade: detail.state === 'active' && detail.isBegun ? detail.attempt - 1 : detail.attempt,
    attemptsMax: detail.attemptsMax,
    priority: detail.priority,
    stalledCounter: detail.stalls,
    tick: detail.tick,
    token: detail.state === 'active' ? detail.token : undefined,
    state: detail.state,
    processedOn: processedOn ?? (detail.attempt > 0 || detail.stalls > 0 ? 'unknown' : undefined),
    finishedOn: detail.finishedMs,
    failedReason: detail.failedReason,
    result: detail.result,
    progress: detail.progress,
    payload: detail.payload ?? NOTHING,
  });
