import { DUE_PER_ENTRY_MAX } from '../protocol/limits.ts';

/** Most queues that exist at once in versions 1 and 2; queues without jobs give way to new ones. */
export const QUEUES_MAX = 10_000;
/** Where exponential backoff stops growing, unless its first pause is longer: one day. */
export const BACKOFF_MS_MAX = 24 * 3_600_000;
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
