/**
 * The versions of the state machine: what an entry means. Every entry names the version that applies it, so that replicas that replay
 * different ranges, and replicas of different releases, come to the same state. Versions are never changed once released.
 * - 1: commit 57471be. One clock; every claim charges an attempt, and so does every lease that ends; clients name their own session ids.
 * - 2: an attempt begins when the processor begins, stalls are counted apart, leases run on the log's own clock and get a fresh term under
 *   a new leader, session ids are given out by the state machine.
 * - 3: a queue is forgotten at the end of the entry that took its last job, and there may be any number of queues. A session
 *   notes each forgotten sequence once, also where a hole was closed.
 */
export const MACHINE_VERSION = 3;
export const MACHINE_VERSION_FIRST = 1;
