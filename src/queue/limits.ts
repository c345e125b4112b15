/** The bounds of the queue's state. Replicas must agree on all of them: they change only together with the format of the log. */

/** Longest queue name, in bytes of UTF-8. */
export const QUEUE_NAME_BYTES_MAX = 256;
/** Maximum number of queues in versions 1 and 2; queues without jobs are dropped for new ones. */
export const QUEUES_MAX = 10_000;
/** Most operations in one request. */
export const OPERATIONS_MAX = 65_536;
/** Most jobs that one claim takes. */
export const CLAIM_COUNT_MAX = 10_000;
/** Lowest priority; 0 is served first. */
export const PRIORITY_MAX = 2 ** 21;
/** Maximum number of attempts of a job. */
export const ATTEMPTS_MAX = 2 ** 31 - 1;
/** Maximum number of stalls that a worker may allow a job. */
export const STALLED_MAX = 2 ** 31 - 1;
/** Default number of stalls that a job may have, as in BullMQ. */
export const STALLED_MAX_DEFAULT = 1;
/** Maximum number of finished jobs that a queue keeps; -1 keeps all. */
export const KEEP_MAX = 2 ** 31 - 1;
/** Longest delay, lease or wait: a hundred years in milliseconds, so that sums stay exact. */
export const DURATION_MS_MAX = 100 * 365.25 * 24 * 3_600_000;
/** Maximum pause of exponential backoff, unless the first pause is longer: one day. */
export const BACKOFF_MS_MAX = 24 * 3_600_000;
/** Longest failure reason, in bytes of UTF-8. */
export const REASON_BYTES_MAX = 16 * 1024;

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

/** Maximum number of deadlines (promotions, expired leases) that one log entry processes; the rest waits for the next entry. */
export const DUE_PER_ENTRY_MAX = 10_000;

/** Client ids are in [1, CLIENT_ID_END). */
export const CLIENT_ID_END = 2 ** 52;

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
}

export const STATE_BOUNDS: StateBounds = Object.freeze({
  sessionsMax: SESSIONS_MAX,
  sessionIdleMsMax: SESSION_IDLE_MS_MAX,
  sessionRepliesMax: SESSION_REPLIES_MAX,
  sessionReplyBytesMax: SESSION_REPLY_BYTES_MAX,
  sessionEvictedRunsMax: SESSION_EVICTED_RUNS_MAX,
  duePerEntryMax: DUE_PER_ENTRY_MAX,
  trimPerFinishMax: TRIM_PER_FINISH_MAX,
});
