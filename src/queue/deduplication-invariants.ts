import { invariant } from '../base/invariant.ts';
import { StateCode } from '../protocol/job-state.ts';
import { NO_END_OF_ID } from './deduplicated-job.ts';
import type { Job } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { NamedQueue } from './named-queue.ts';

const isLive = (job: Job | undefined): boolean =>
  job !== undefined && (job.state === StateCode.waiting || job.state === StateCode.delayed || job.state === StateCode.active);

/** At most one job has taken each id; one without an end is that of a job that goes on. @throws {InvariantViolation} */
export function checkDeduplications(jobs: JobStore, logMs: number): void {
  const { deduplications, queues, table } = jobs;
  const taken = new Map<NamedQueue<Job>, Set<string>>();
  let size = 0;
  let bytes = 0;
  for (const one of deduplications.values()) {
    const { id, queue, deduplicationId, isHolder, dueMs, heapAt, next, hasJob } = one;
    const what = (): string => `job ${id}, deduplicated by "${deduplicationId}" in ${queue.name},`;
    const job = table.get(id);
    size += 1;
    bytes += next?.chunk.length ?? 0;
    invariant(deduplications.get(id) === one, () => `${what()} is not found`);
    invariant(queues.byName.get(queue.name) === queue, () => `${what()} is in a queue that does not exist`);
    invariant(hasJob === (job !== undefined) && (hasJob || isHolder), () => `${what()} is gone and was kept`);
    invariant(job === undefined || job.queue === queue, () => `${what()} is in the queue ${job?.queue.name}`);
    invariant(heapAt >= 0 === (isHolder && dueMs !== NO_END_OF_ID), () => `${what()} ends at ${dueMs}, and is at ${heapAt}`);
    invariant(heapAt < 0 || dueMs > logMs || jobs.isBehind, () => `${what()} keeps its id, which ended at ${dueMs}, at ${logMs}`);
    invariant(!isHolder || dueMs !== NO_END_OF_ID || isLive(job), () => `${what()} has ended, and keeps its id without an end`);
    invariant(next === undefined || isLive(job), () => `${what()} has ended, and an add waits for that`);
    if (!isHolder) continue;
    const ofQueue = taken.get(queue) ?? new Set<string>();
    invariant(!ofQueue.has(deduplicationId), () => `${what()} has an id that another job has`);
    taken.set(queue, ofQueue.add(deduplicationId));
    invariant(deduplications.holderOf(queue, deduplicationId, -1) === one, () => `${what()} is not the job of its id`);
  }
  for (const queue of queues.byName.values()) {
    const count = taken.get(queue)?.size ?? 0;
    invariant(
      queue.deduplications === count,
      () => `queue ${queue.name} counts ${queue.deduplications} deduplication ids and has ${count}`,
    );
  }
  const count = [...taken.values()].reduce((sum, ids) => sum + ids.size, 0);
  invariant(count === deduplications.taken, () => `${deduplications.taken} deduplication ids are counted as ${count}`);
  invariant(size === deduplications.size, () => `${size} deduplicated jobs are counted as ${deduplications.size}`);
  invariant(bytes === deduplications.keptBytes, () => `${bytes} bytes of kept adds are counted as ${deduplications.keptBytes}`);
  const timed = deduplications.timed();
  timed.forEach((one, at) => {
    const parent = timed[(at - 1) >> 1] ?? one;
    const isOrdered = parent.dueMs < one.dueMs || (parent.dueMs === one.dueMs && parent.id <= one.id);
    invariant(one.heapAt === at && isOrdered, () => `the end of the id of job ${one.id} is below a later one`);
  });
}
