import type { JobPlace } from '../protocol/job-order.ts';
import { StateCode } from '../protocol/job-state.ts';

/** What the place of a waiting job depends on. */
interface PlacedWaitingJob {
  readonly id: number;
  readonly priority: number;
  readonly policy: { readonly isLifo: boolean };
}

/** What the place of a job in any state depends on. */
interface PlacedJob extends PlacedWaitingJob {
  readonly dueMs: number;
  readonly end: { readonly finishOrder: number };
}

/** See {@link JobPlace}. */
export const waitingRank = ({ priority, policy }: PlacedWaitingJob): number => 2 * priority + (policy.isLifo ? 0 : 1);
export const waitingTie = ({ id, policy }: PlacedWaitingJob): number => (policy.isLifo ? -id : id);

/** @param state of the job, a StateCode. */
export function rankOf(job: PlacedJob, state: number): number {
  if (state === StateCode.waiting) return waitingRank(job);
  if (state === StateCode.delayed) return job.dueMs;
  return state === StateCode.active ? 0 : job.end.finishOrder;
}

export const tieOf = (job: PlacedJob, state: number): number => (state === StateCode.waiting ? waitingTie(job) : job.id);

/** Whether the place (rank, tie) comes later in a listing than another one. */
export function isBehind(rank: number, tie: number, other: JobPlace, isDescending: boolean): boolean {
  if (rank === other.rank) return isDescending ? tie < other.tie : tie > other.tie;
  return isDescending ? rank < other.rank : rank > other.rank;
}
