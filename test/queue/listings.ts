import { BEFORE_ALL_JOBS, BEHIND_ALL_JOBS } from '../../src/protocol/job-order.ts';
import { StateCode } from '../../src/protocol/job-state.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import type { TestQueue } from './harness.ts';

export type ListedState = Exclude<keyof typeof StateCode, 'removed'>;
export const LISTED_STATES: readonly ListedState[] = ['waiting-children', 'delayed', 'waiting', 'active', 'completed', 'failed'];

interface Listing {
  readonly state?: ListedState;
  readonly isDescending?: boolean;
  readonly start?: number;
  readonly countMax?: number;
  readonly queue?: string;
  /** The place of the page before. */
  readonly after?: { readonly rank: number; readonly tie: number };
}

/** Writes a listing; by default of the first waiting jobs. */
export const listingOf =
  ({ state = 'waiting', isDescending = false, start = 0, countMax = 10_000, queue = 'q', after }: Listing = {}) =>
  (to: RequestEncoder): void => {
    const { rank, tie } = after ?? (isDescending ? BEHIND_ALL_JOBS : BEFORE_ALL_JOBS);
    to.command('jobIds', { queue, state: StateCode[state], isDescending, afterRank: rank, afterTie: tie, start, countMax });
  };

export type JobPage = Extract<OperationResult, { readonly type: 'jobIds' }>;

export function pageIn(result: OperationResult | undefined): JobPage {
  if (result?.ok !== true || result.type !== 'jobIds') throw new Error(`no page: ${JSON.stringify(result)}`);
  return result;
}

/** One page, as a node that has time. */
export const pageOf = (queue: TestQueue, listing: Listing = {}): JobPage => pageIn(queue.read(listingOf(listing))[0]);

/** All ids, by pages of `countMax`. */
export function idsOf(queue: TestQueue, listing: Listing = {}): number[] {
  const ids: number[] = [];
  let { start = 0, after } = listing;
  for (;;) {
    const page = pageOf(queue, after === undefined ? { ...listing, start } : { ...listing, start, after });
    ids.push(...page.ids);
    if (page.isOver) return ids;
    start -= page.skipped;
    after = page;
  }
}
