/**
 * The versions of the state machine, which define what an entry means. Every entry names the version that applies it, so that replicas
 * that replay different ranges, or run different releases, reach the same state. A released version never changes.
 * - 1: commit 57471be. One clock; every claim charges an attempt, and so does every lease that expires; clients choose their session ids.
 * - 2: an attempt begins when the processor begins, stalls are counted separately, leases run on the log clock and get a fresh term under
 *   a new leader, the state machine assigns session ids.
 * - 3: a queue is dropped at the end of the entry that removed its last job, and the number of queues is unlimited. A session
 *   records each evicted sequence once, also in a hole that was closed.
 * - 4: a queue can be paused, and exists while it is.
 * - 5: a job can have the option lifo.
 * - 6: a delayed job can be promoted, a job can be removed on the condition of its state and age, and a job can have an id of its client's
 *   choice, which a queue has once.
 * - 7: a queue can have job schedulers, which add jobs at their times.
 * - 8: a queue can limit how many of its jobs are active, and how many claims take within a time; it exists while it does. A claim can bring
 *   such a limit.
 * - 9: the priority, the delay and the payload of a job can be changed, and a job can have a progress.
 * - 10: a queue records its events while a client subscribes to them, and exists while it does.
 * - 11: an add can be deduplicated, and a finished job can be kept for a time.
 * - 12: a job can wait for its children, which are added together with it, and can have a log; several operations can be executed all or none.
 */
export const MACHINE_VERSION = 12;
/** The version that can change a job that was added. */
export const JOB_CHANGES_VERSION = 9;
/** The version that records events. */
export const EVENTS_VERSION = 10;
/** The version that keeps finished jobs for a time. */
export const KEEP_TIME_VERSION = 11;
/** The version that deduplicates adds. */
export const DEDUPLICATION_VERSION = 11;
/** The version that has flows: jobs that wait for their children. */
export const FLOWS_VERSION = 12;
/** The version that has the logs of jobs. */
export const JOB_LOGS_VERSION = 12;
/** The version that has transactions. */
export const TRANSACTIONS_VERSION = 12;
export const MACHINE_VERSION_FIRST = 1;
