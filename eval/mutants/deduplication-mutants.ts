import type { Mutant } from './mutant.ts';

/** In adds that are deduplicated, and in the times for which finished jobs are kept. */
export const DEDUPLICATION_MUTANTS: readonly Mutant[] = [
  {
    mistake: 12,
    name: 'an add is no duplicate of the job that has taken its id',
    file: 'queue/job-adds.ts',
    find: 'const holder = deduplications.holderOf(queue, id, logMs);',
    replace: 'const holder = deduplications.holderOf(undefined, id, logMs);',
  },
  {
    mistake: 12,
    name: 'the end of a deduplication id is not in the checkpoint',
    file: 'queue/deduplicated-job.ts',
    find: 'if (job.isHolder) job.dueMs = from.f64();',
    replace: 'if (job.isHolder) from.f64();',
  },
  {
    mistake: 12,
    name: 'a job that has ended keeps its deduplication id',
    file: 'queue/deduplication-table.ts',
    find: 'if (job.dueMs === NO_END_OF_ID) this.free(job);',
    replace: 'if (job.dueMs < NO_END_OF_ID) this.free(job);',
  },
  {
    mistake: 13,
    name: 'a deduplication id with a time is never free',
    file: 'queue/job-store.ts',
    find: 'one !== undefined && one.dueMs <= logMs && left > 0; one = this.deduplications.top()',
    replace: 'one !== undefined && one.dueMs < 0 && left > 0; one = this.deduplications.top()',
  },
  {
    mistake: 13,
    name: 'a finished job that is kept for a time stays',
    file: 'queue/job-store.ts',
    find: 'job !== undefined && job.dueMs <= this.wallMs && left > 0; left -= 1) {\n      this.endKeeping',
    replace: 'job !== undefined && job.dueMs < 0 && left > 0; left -= 1) {\n      this.endKeeping',
  },
  {
    mistake: 12,
    name: 'the time for which a finished job is kept ends with a restart',
    file: 'queue/job-indexes.ts',
    find: 'if (job.end.finishOrder > 0 && job.dueMs > 0) this.keptForTime.push(job);',
    replace: 'if (job.end.finishOrder < 0 && job.dueMs > 0) this.keptForTime.push(job);',
  },
];
