import type { ReplyEncoder } from './reply-encoder.ts';

/** Most jobs, or queues, that one step looks at. */
export const LOOKED_PER_STEP_MAX = 10_000;
/**
 * What a look counts in the bytes that bound a turn: with the default limits a turn makes two whole steps, and a part of a reply one.
 */
export const LOOK_BYTES = 256;

/** A read that may have to look at more than one turn allows. It then continues in later turns, while entries are applied. */
export interface Listing {
  /** How many jobs or queues the last step looked at. */
  readonly looked: number;
  /** Looks at the next ones, at most {@link LOOKED_PER_STEP_MAX}. @returns whether the result is complete. */
  step(): boolean;
  /** Once it is complete. */
  writeResult(replies: ReplyEncoder): void;
}
