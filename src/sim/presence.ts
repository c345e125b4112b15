import { type JobHistory, jobHistoriesOf } from '../history/checkers/job-history.ts';
import type { JobKey } from '../history/functions.ts';
import type { HistoryEvent } from '../history/history.ts';
import { isFunction, mayHaveApplied, type OperationOf, operationsOf } from '../history/operation.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { keyOf, keyOfJob } from './payloads.ts';
import type { SentTransaction } from './queue-records.ts';
import type { SimCluster } from './sim-cluster.ts';
import { checkTransactions } from './transaction-check.ts';
import { checkProperty, isDamage } from './violation.ts';

/** Jobs of requests that were executed without a reply have ids up to this many beyond the last known one. */
const UNKNOWN_JOBS_MAX = 1_000;
/** The payloads of the probes have no key. */
const CONTENT_BYTES_MIN = 8;

/** At the end: no acknowledged job is missing, and no job that was added once exists twice. */
export function checkPresence(
  cluster: SimCluster,
  events: readonly HistoryEvent[],
  machine: JobQueue,
  transactions: readonly SentTransaction[],
): void {
  const operations = operationsOf(events);
  const jobs = jobHistoriesOf(operations);
  const unknownClaims = new Set(
    operations.filter(isFunction('claim')).flatMap(({ outcome, call }) => (outcome === 'info' ? [call.queue] : [])),
  );
  const adds = operations.filter(isFunction('add'));
  const idOf = ({ call }: (typeof adds)[number]): string | undefined => call.deduplicationId && `${call.queue} ${call.deduplicationId}`;
  const replacing = new Set(adds.filter(({ call }) => call.isReplacing === true).map(idOf));
  const byKey = new Map(adds.map((add) => [add.call.key, add]));
  let latest = 0;
  for (const add of adds) {
    if (add.result === undefined) continue;
    const { job } = add.result;
    latest = Math.max(latest, job);
    const known = jobs.get(job);
    const isRemoved = (known?.removes.length ?? 0) > 0 || isRemovedWithParent(add, byKey, jobs);
    // A job that was never claimed has not finished.
    const mayHaveFinished = add.call.hasChildren === true || known?.claims.length !== 0 || unknownClaims.has(add.call.queue);
    const isTrimmed = cluster.plan.workload.retention !== 'all' && mayHaveFinished;
    // A duplicate may have taken the place of a delayed one.
    const mayBeReplaced = add.call.deduplicationId !== undefined && replacing.has(idOf(add));
    const isThere = isRemoved || mayBeReplaced || isTrimmed || payloadOf(machine, job) !== undefined;
    checkProperty(isThere, 'an acknowledged add stays', () => `job ${job} was acknowledged and is gone`);
  }
  const asked = new Set<unknown>(
    operations
      .filter((one) => one.f === 'add' || one.f === 'upsertScheduler')
      .filter(mayHaveApplied)
      .map(({ call }) => call.key),
  );
  const ids = new Map<string, number>();
  for (let job = 1; job <= latest + UNKNOWN_JOBS_MAX; job += 1) {
    const payload = payloadOf(machine, job);
    if (payload === undefined || payload === DAMAGED || payload.length < CONTENT_BYTES_MIN) continue;
    const tick = machine.tickOf(job);
    const key = keyOfJob(payload, tick);
    const other = ids.get(key);
    ids.set(key, job);
    checkProperty(other === undefined, 'a request is carried out once', () => `"${key}" was added once and is job ${other} and job ${job}`);
    // Where the version may change, a late copy of a rejected request may be accepted.
    const isAsked = asked.has(tick === undefined ? key : keyOf(payload)) || cluster.plan.isVersionAsked;
    checkProperty(isAsked, 'a request is carried out once', () => `job ${job} is "${key}", whose add failed or was never asked for`);
  }
  const areAllKept = cluster.plan.workload.retention === 'all';
  if (!cluster.plan.isVersionAsked) checkTransactions(transactions, operations, machine, new Set(ids.keys()), areAllKept);
}

/** Whether a call removed a job above it in its flow, or what is below that. */
function isRemovedWithParent(
  { call }: OperationOf<'add'>,
  byKey: ReadonlyMap<JobKey, OperationOf<'add'>>,
  jobs: ReadonlyMap<number, JobHistory>,
): boolean {
  for (let parent = byKey.get(call.parentKey ?? ''); parent !== undefined; parent = byKey.get(parent.call.parentKey ?? '')) {
    const known = jobs.get(parent.result?.job ?? 0);
    if ((known?.removes.length ?? 0) > 0 || known?.changes.some(({ f }) => f === 'removeUnprocessed') === true) return true;
  }
  return false;
}

const DAMAGED = new Uint8Array(0);

/** The last read of a disk may find a damaged row. */
function payloadOf(machine: JobQueue, job: number): Uint8Array | undefined {
  try {
    return machine.payloadOf(job);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return DAMAGED;
  }
}
