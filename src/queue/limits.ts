/** The bounds of the queue's state. Replicas must agree on every one of them: they change only together with the log's format. */

/** Longest queue name, in bytes of UTF-8. */
export const QUEUE_NAME_BYTES_MAX = 256;
/** Most queues that exist at once in versions 1 and 2; queues without jobs give way to new ones. */
export const QUEUES_MAX = 10_000;
/** Most operations in one request. */
export const OPERATIONS_MAX = 65_536;
/** Most jobs that one claim takes. */
export const CLAIM_COUNT_MAX = 10_000;
/** Lowest priority; 0 is served first. */
export const PRIORITY_MAX = 2 ** 21;
/** Most attempts a job may ask for. */
export const ATTEMPTS_MAX = 2 ** 31 - 1;
/** Largest number of stalls that a worker may allow a job. */
export const STALLED_MAX = 2 ** 31 - 1;
/** The default number of stalls that a job may have, as in BullMQ. */
export const STALLED_MAX_DEFAULT = 1;
/** Largest number of finished jobs a queue can be asked to keep; -1 keeps all. */
export const KEEP_MAX = 2 ** 31 - 1;
/** Longest delay, lease or wait: a hundred years in milliseconds, so that sums stay exact. */
export const DURATION_MS_MAX = 100 * 365.25 * 24 * 3_600_000;
/** Where exponential backoff stops growing, unless its first pause is longer: one day. */
export const BACKOFF_MS_MAX = 24 * 3_600_000;
/** Longest failure reason, in bytes of UTF-8. */
export const REASON_BYTES_MAX = 16 * 1024;

/** Most sessions; beyond it the one idle longest is dropped. */
export const SESSIONS_MAX = 10_000;
/** A session without a request for this long of log time is forgotten: one hour. */
export const SESSION_IDLE_MS_MAX = 3_600_000;
/** Most replies that one session remembers; beyond it the oldest reply is forgotten. */
export const SESSION_REPLIES_MAX = 1_024;
/** Most bytes of replies that one session remembers; the newest reply is always kept. */
export const SESSION_REPLY_BYTES_MAX = 8 * 1024 * 1024;
/** Most runs of forgotten sequences that one session tells apart. */
export const SESSION_EVICTED_RUNS_MAX = 64;

/** Most deadlines (promotions, expired leases) worked off by one log entry; the rest waits for the next one. */
export const DUE_PER_ENTRY_MAX = 10_000;

/** Ids of clients lie in [1, CLIENT_ID_END). */
export const CLIENT_ID_END = 2 ** 52;

/** Most kept jobs that one finishing job pushes out; the rest goes when the next ones finish. */
export const TRIM_PER_FINISH_MAX = 64;

/** Bounds of the state that the simulator sets smaller, so that its clients reach them. All replicas of a cluster must have the same. */
export interface StateBounds {
  readonly sessionsMax: number;
  readonly sessionIdleMsMax: number;
  readonly sessionRepliesMax: number;
  readonly sessionReplyBytesMax: number;
  readonly sessionForgottenRunsMax: number;
  readonly duePerEntryMax: number;
  readonly trimPerFinishMax: number;
}

export const STATE_BOUNDS: StateBounds = Object.freeze({
  sessionsMax: SESSIONS_MAX,
  sessionIdleMsMax: SESSION_IDLE_MS_MAX,
  sessionRepliesMax: SESSION_REPLIES_MAX,
  sessionReplyBytesMax: SESSION_REPLY_BYTES_MAX,
  sessionForgottenRunsMax: SESSION_EVICTED_RUNS_MAX,
  duePerEntryMax: DUE_PER_ENTRY_MAX,
  trimPerFinishMax: TRIM_PER_FINISH_MAX,
});
