/** The bounds of what requests may ask for. Replicas must agree on every one of them: they change only with a version of the state machine. */

/** Longest queue name, in bytes of UTF-8. */
export const QUEUE_NAME_BYTES_MAX = 256;
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
/** Longest failure reason, in bytes of UTF-8. */
export const REASON_BYTES_MAX = 16 * 1024;
/** Most deadlines (promotions, expired leases) worked off by one log entry; the rest waits for the next one. */
export const DUE_PER_ENTRY_MAX = 10_000;
/** Ids of clients lie in [1, CLIENT_ID_END). */
export const CLIENT_ID_END = 2 ** 52;
