/** The bounds of what requests may ask for. Replicas must agree on every one of them: they change only with a version of the state machine. */

/** Longest queue name, in bytes of UTF-8. */
export const QUEUE_NAME_BYTES_MAX = 256;
/** Longest id of a job that a client chooses, in bytes of UTF-8. */
export const CUSTOM_ID_BYTES_MAX = 255;
/** Longest id of a job scheduler, in bytes of UTF-8. */
export const SCHEDULER_ID_BYTES_MAX = 255;
/** Longest cron pattern of a job scheduler, in bytes of UTF-8. */
export const PATTERN_BYTES_MAX = 255;
/** Longest name of a time zone, in bytes of UTF-8. */
export const TIME_ZONE_BYTES_MAX = 64;
/** Largest payload of the jobs of a job scheduler, which stays in memory. */
export const SCHEDULER_PAYLOAD_BYTES_MAX = 64 * 1024;
/** Most job schedulers in one queue, and in all of them. */
export const SCHEDULERS_PER_QUEUE_MAX = 10_000;
export const SCHEDULERS_MAX = 50_000;
/** Most bytes of the payloads of all job schedulers. */
export const SCHEDULERS_BYTES_MAX = 64 * 1024 * 1024;
/** Most operations in one request. */
export const OPERATIONS_MAX = 65_536;
/** Most jobs that one claim takes. */
export const CLAIM_COUNT_MAX = 10_000;
/** Highest limit of the number of active jobs of a queue. */
export const CONCURRENCY_MAX = 2 ** 31 - 1;
/** Highest limit of the number of jobs that claims take of a queue within a time. */
export const RATE_MAX = 2 ** 31 - 1;
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
/** Longest failure reason, in bytes of UTF-8. */
export const REASON_BYTES_MAX = 16 * 1024;
/** Longest progress of a job, in bytes. */
export const PROGRESS_BYTES_MAX = 4 * 1024;
/** Most bytes of a result, reason or progress in an event of a queue. A longer reason is cut, a longer result is left out. */
export const EVENT_DETAIL_BYTES_MAX = 4 * 1024;
/** Most events that a queue keeps, and most bytes of them: the oldest ones are dropped. */
export const EVENTS_PER_QUEUE_MAX = 10_000;
export const EVENTS_PER_QUEUE_BYTES_MAX = 8 * 1024 * 1024;
/** Most bytes of the events of all queues: the oldest ones are dropped. */
export const EVENTS_BYTES_MAX = 64 * 1024 * 1024;
/** Most queues that record events at a time. */
export const EVENT_QUEUES_MAX = 10_000;
/** Longest time for which a subscription makes a queue record its events: one day. */
export const SUBSCRIPTION_MS_MAX = 24 * 3_600_000;
/** Most bytes of events in one reply, but one event if there is one. */
export const EVENT_READ_BYTES_MAX = 256 * 1024;
/** Longest row of the log of a job, in bytes. */
export const LOG_ROW_BYTES_MAX = 64 * 1024;
/** Most rows of the log of a job: the oldest ones are dropped. */
export const LOG_ROWS_MAX = 1_000;
/** Most bytes of the log of a job: the oldest rows are dropped, several at a time. */
export const LOG_BYTES_MAX = 1024 * 1024;
/** Most bytes of the rows that one read of a log returns, unless it is a single row. */
export const LOG_PAGE_BYTES_MAX = 256 * 1024;
/** Most operations of one transaction. */
export const TRANSACTION_OPERATIONS_MAX = 1_000;
/** Most bytes of the operations of one transaction. */
export const TRANSACTION_BYTES_MAX = 16 * 1024 * 1024;
/** Maximum number of deadlines (promotions, expired leases) that one log entry processes; the rest waits for the next entry. */
export const DUE_PER_ENTRY_MAX = 10_000;
/** Client ids are in [1, CLIENT_ID_END). */
export const CLIENT_ID_END = 2 ** 52;
/** Longest deduplication id, in bytes of UTF-8. */
export const DEDUPLICATION_ID_BYTES_MAX = 255;
/** Most deduplication ids that are taken at a time, in all queues. */
export const DEDUPLICATION_IDS_MAX = 1_000_000;
/** Most bytes of the payloads of adds that are kept until an active job ends, which stay in memory. */
export const KEPT_ADDS_BYTES_MAX = 64 * 1024 * 1024;
/** Most jobs that one call adds as flows. */
export const FLOW_JOBS_MAX = 10_000;
/** Most levels of a flow: a child that fails may fail this many jobs less one. */
export const FLOW_DEPTH_MAX = 64;
