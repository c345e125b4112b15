import type { JobStore } from './job-store.ts';

/** What a node knows of a job's queue, which never changes: its name; the job is gone; or the node has not applied its add yet. */
export type QueueOfJob = { readonly type: 'known'; readonly queue: string } | { readonly type: 'gone' } | { readonly type: 'not-applied' };

/** Ids are given out in ascending order. */
export function queueOfJob({ table, nextJobId }: Pick<JobStore, 'table' | 'nextJobId'>, jobId: number): QueueOfJob {
  const job = table.get(jobId);
  if (job !== undefined) return { type: 'known', queue: job.policy.queue.name };
  return { type: jobId < nextJobId ? 'gone' : 'not-applied' };
}
