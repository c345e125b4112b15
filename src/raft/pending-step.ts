import type { Configuration } from './entry.ts';

/** A step of a membership change for which a leader asked the voters to confirm that they are available. */
export interface PendingStep {
  readonly next: Configuration;
  readonly isRequested: boolean;
  /** The heartbeat round that began with the request. */
  readonly round: number;
  /** When it began, monotonic ms. */
  readonly sinceMs: number;
}
