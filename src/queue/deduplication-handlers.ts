import { invariant } from '../base/invariant.ts';
import { NO_STATE } from '../protocol/job-state.ts';
import { ErrorCode } from '../protocol/reply.ts';
import type { OperationReader } from '../protocol/request-reader.ts';
import { Job } from './job.ts';
import type { JobStore } from './job-store.ts';
import type { NamedQueue } from './named-queue.ts';
import type { ReplyEncoder } from './reply-encoder.ts';

/** What these handlers need of an `Execution`. */
interface Execution {
  readonly jobs: JobStore;
  readonly replies: ReplyEncoder;
  readonly operation: OperationReader;
  readonly data: Uint8Array;
  readonly logMs: number;
  openQueue(): NamedQueue<Job> | undefined;
  knownQueue(): NamedQueue<Job> | undefined;
}

export function addDeduplicated(run: Execution): void {
  const { replies, operation, data: chunk } = run;
  const { policy, customId, priority, delayMs, ttlMs, isExtending, isReplacing, keepsLast, blobAt, blobLength } = operation;
  invariant(policy !== undefined, () => 'a deduplicated job is added without a policy');
  const queue = run.openQueue();
  const deduplication = { id: operation.deduplicationId, ttlMs, isExtending, isReplacing, keepsLast };
  const payload = { chunk, payloadAt: blobAt, payloadLength: blobLength };
  const there = queue && run.jobs.addDeduplicated(queue, { policy, customId, priority, delayMs, ...payload, deduplication });
  if (there === undefined) {
    if (queue !== undefined) run.jobs.queues.dropIfUnused(queue, run.jobs.version);
    replies.error(ErrorCode.deduplicationLimit, 0, NO_STATE);
  } else if (there instanceof Job) replies.added(there.id);
  else replies.result('deduplicated', { id: there.id, customId: there.customId });
}

export function getDeduplicationJob(run: Execution): void {
  const holder = run.jobs.deduplications.holderOf(run.knownQueue(), run.operation.deduplicationId, run.logMs);
  run.replies.result('deduplicationJob', { id: holder?.id ?? 0, customId: holder?.customId ?? '' });
}

export function removeDeduplication(run: Execution): void {
  const { deduplicationId, holderJobId } = run.operation;
  const isRemoved = run.jobs.freeDeduplicationId(run.knownQueue(), deduplicationId, holderJobId);
  run.replies.result('deduplicationRemoved', { isRemoved });
}
