import { isRead } from '../functions.ts';
import { type HistoryOperation, mayHaveApplied } from '../operation.ts';
import { isInFlow } from './job-history.ts';
import { checkLinearizable } from './linearizability.ts';
import { QueueModel, type QueueModelOptions } from './queue-model.ts';
import { termsOf, trimmedQueues } from './retention-terms.ts';
import { Problems, type Verdict } from './verdict.ts';

export interface QueueLinearizabilityOptions {
  readonly model: QueueModelOptions;
  /** Undefined for all. */
  readonly queues: readonly string[] | undefined;
  /** Queues with more relevant operations are left out: they are checked job by job. */
  readonly operationsMax: number;
  /** States that are tried for one queue before its verdict is `unknown`. */
  readonly stepsMax: number;
}

/**
 * Every small queue is linearizable as a whole: claims, order and counts of all its jobs together. Queues are independent objects except
 * for ids and tokens, which grow in each queue as they grow over all.
 */
export function checkQueueLinearizability(operations: readonly HistoryOperation[], options: QueueLinearizabilityOptions): Verdict {
  const problems = new Problems();
  let checked = 0;
  let count = 0;
  let unknown = 0;
  const trimmed = trimmedQueues(operations);
  const relevant = operations.filter(isRelevant).map((one) => (one.f === 'add' ? { ...one, call: termsOf(one, trimmed) } : one));
  for (const [name, own] of queuesOf(relevant)) {
    // A tick is no operation of the history, and neither is the end of the wait for children, which may be jobs of other queues.
    if (own.some((one) => one.f === 'upsertScheduler' || (one.f === 'add' && isInFlow(one)))) continue;
    if (own.length > options.operationsMax || options.queues?.includes(name) === false) continue;
    checked += own.length;
    count += 1;
    // An order without some operations of unknown outcome is valid: none of them must have taken effect. Fewer operations also make the
    // search cheaper.
    const needed = own.filter((one) => one.outcome === 'ok' || isSeen(one, own));
    const withClaims = own.filter((one) => one.f !== 'add' || needed.includes(one));
    const fewer = [needed, withClaims].filter((some) => some.length < own.length);
    if (fewer.some((some) => checkLinearizable(some, new QueueModel(options.model), options.stepsMax).result === 'ok')) continue;
    const model = new QueueModel(options.model);
    const { result, stuckAt } = checkLinearizable(own, model, options.stepsMax);
    if (result === 'ok') continue;
    if (result === 'unknown' || model.isIncomplete) {
      unknown += 1;
      continue;
    }
    const after = stuckAt?.state.jobs.map(({ id, key, state }) => `${id}/${JSON.stringify(key)} ${state.phase}`).join(', ');
    const shown = stuckAt === undefined ? [] : [stuckAt.operation];
    problems.add(`the history has no linear order: nothing allows the last of these after [${after}]`, ...shown);
  }
  return problems.verdict('linearizable queue', checked, { objects: 'queues', count, unknown });
}

/** Whether the job of an add of unknown outcome was seen, so that the add must have taken effect. */
function isSeen(one: HistoryOperation, operations: readonly HistoryOperation[]): boolean {
  if (one.f !== 'add') return false;
  const { key } = one.call;
  return operations.some(
    (other) =>
      (other.f === 'claim' && other.result?.jobs.some((job) => job.key === key) === true) ||
      (other.f === 'getJob' && other.result?.key === key),
  );
}

/** A read of unknown outcome and a claim whose wait ended without a job show nothing, and failed operations had no effect. */
function isRelevant(one: HistoryOperation): boolean {
  if (isRead(one.f)) return one.outcome === 'ok';
  if (one.f === 'claim' && one.result?.jobs.length === 0) return (one.call.waitMs ?? 0) === 0;
  return mayHaveApplied(one);
}

/** The operations of each queue, by name; all under the first one's when an operation names a job whose queue is unknown. */
function queuesOf(operations: readonly HistoryOperation[]): Map<string, HistoryOperation[]> {
  const queueOfJob = new Map<number, string>();
  for (const one of operations) {
    if (one.f === 'add' && one.result !== undefined) queueOfJob.set(one.result.job, one.call.queue);
    if (one.f === 'claim') for (const { job } of one.result?.jobs ?? []) queueOfJob.set(job, one.call.queue);
  }
  const byQueue = new Map<string, HistoryOperation[]>();
  /** Operations so far that concern every queue. */
  const common: HistoryOperation[] = [];
  for (const one of operations) {
    if (one.f === 'releaseHolder') {
      common.push(one);
      for (const own of byQueue.values()) own.push(one);
      continue;
    }
    const named = 'queue' in one.call ? one.call.queue : undefined;
    const queue = named ?? ('job' in one.call ? queueOfJob.get(one.call.job) : undefined);
    if (queue === undefined) return new Map([[byQueue.keys().next().value ?? '', [...operations]]]);
    const known = byQueue.get(queue);
    if (known === undefined) byQueue.set(queue, [...common, one]);
    else known.push(one);
  }
  return byQueue;
}
