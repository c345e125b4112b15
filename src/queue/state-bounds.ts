import {
  DEDUPLICATION_IDS_MAX,
  DUE_PER_ENTRY_MAX,
  EVENT_QUEUES_MAX,
  EVENTS_BYTES_MAX,
  EVENTS_PER_QUEUE_BYTES_MAX,
  EVENTS_PER_QUEUE_MAX,
  KEPT_ADDS_BYTES_MAX,
  LOG_BYTES_MAX,
  LOG_ROWS_MAX,
  SCHEDULERS_BYTES_MAX,
  SCHEDULERS_MAX,
  SCHEDULERS_PER_QUEUE_MAX,
} from '../protocol/limits.ts';

/** Maximum number of queues in versions 1 and 2; queues without jobs are dropped for new ones. */
export const QUEUES_MAX = 10_000;
/** Maximum pause of exponential backoff, unless the first pause is longer: one day. */
export const BACKOFF_MS_MAX = 24 * 3_600_000;
/** Maximum number of sessions; beyond it the longest idle one is dropped. */
export const SESSIONS_MAX = 10_000;
/** A session ends after this much log time without a request: one hour. */
export const SESSION_IDLE_MS_MAX = 3_600_000;
/** Maximum number of replies that one session remembers; beyond it the oldest reply is evicted. */
export const SESSION_REPLIES_MAX = 1_024;
/** Maximum bytes of replies that one session remembers; the newest reply is always kept. */
export const SESSION_REPLY_BYTES_MAX = 8 * 1024 * 1024;
/** Maximum number of separate runs of evicted sequences in one session. */
export const SESSION_EVICTED_RUNS_MAX = 64;
/** Maximum number of kept jobs that one finishing job removes; the next ones remove the rest. */
export const TRIM_PER_FINISH_MAX = 64;

/** Bounds of the state that the simulator sets lower, so that its clients reach them. All replicas of a cluster must have the same. */
export interface StateBounds {
  readonly sessionsMax: number;
  readonly sessionIdleMsMax: number;
  readonly sessionRepliesMax: number;
  readonly sessionReplyBytesMax: number;
  readonly sessionEvictedRunsMax: number;
  readonly duePerEntryMax: number;
  readonly trimPerFinishMax: number;
  readonly schedulersPerQueueMax: number;
  readonly schedulersMax: number;
  readonly schedulersBytesMax: number;
  readonly deduplicationIdsMax: number;
  readonly keptAddsBytesMax: number;
  readonly eventsPerQueueMax: number;
  readonly eventsPerQueueBytesMax: number;
  readonly eventsBytesMax: number;
  readonly eventQueuesMax: number;
  readonly logRowsMax: number;
  readonly logBytesMax: number;
}

export const STATE_BOUNDS: StateBounds = Object.freeze({
  sessionsMax: SESSIONS_MAX,
  sessionIdleMsMax: SESSION_IDLE_MS_MAX,
  sessionRepliesMax: SESSION_REPLIES_MAX,
  sessionReplyBytesMax: SESSION_REPLY_BYTES_MAX,
  sessionEvictedRunsMax: SESSION_EVICTED_RUNS_MAX,
  duePerEntryMax: DUE_PER_ENTRY_MAX,
  trimPerFinishMax: TRIM_PER_FINISH_MAX,
  schedulersPerQueueMax: SCHEDULERS_PER_QUEUE_MAX,
  schedulersMax: SCHEDULERS_MAX,
  schedulersBytesMax: SCHEDULERS_BYTES_MAX,
  deduplicationIdsMax: DEDUPLICATION_IDS_MAX,
  keptAddsBytesMax: KEPT_ADDS_BYTES_MAX,
  eventsPerQueueMax: EVENTS_PER_QUEUE_MAX,
  eventsPerQueueBytesMax: EVENTS_PER_QUEUE_BYTES_MAX,
  eventsBytesMax: EVENTS_BYTES_MAX,
  eventQueuesMax: EVENT_QUEUES_MAX,
  logRowsMax: LOG_ROWS_MAX,
  logBytesMax: LOG_BYTES_MAX,
});
