import type { JobKey } from '../functions.ts';
import { type HistoryOperation, isBefore, mayHaveApplied, type OperationOf } from '../operation.ts';
import { addOf, isInFlow, type JobClaim, type JobHistory, jobHistoriesOf, possibleAddsOf } from './job-history.ts';
import { Problems, type Verdict } from './verdict.ts';

export interface Accounting {
  /** Adds that were acknowledged. */
  readonly acknowledged: number;
  /** Adds of unknown outcome, and how many of them added a job that was seen. */
  readonly unknown: number;
  readonly unknownFound: number;
  /** Acknowledged jobs that did not finish although the queue was drained. */
  readonly lost: number;
  /** Keys of two jobs, and jobs that were completed twice. */
  readonly duplicated: number;
  /** Jobs that were not added, or whose add was reported as failed. */
  readonly unexpected: number;
}

/**
 * Compares the added jobs with the finished ones.
 * @param isDrained whether the clients ran until no job was left: only then is an unfinished job a loss.
 */
export function checkAccounting(
  operations: readonly HistoryOperation[],
  isDrained: boolean,
): { readonly verdict: Verdict; readonly accounting: Accounting } {
  const problems = new Problems();
  const jobs = jobHistoriesOf(operations);
  const adds = operations.filter((operation) => operation.f === 'add');
  const acknowledged = adds.filter(({ outcome }) => outcome === 'ok');
  const unknown = adds.filter(({ outcome }) => outcome === 'info');
  const seenKeys = new Set([...jobs.values()].map(({ key }) => key));
  const accounting: Accounting = {
    acknowledged: acknowledged.length,
    unknown: unknown.length,
    unknownFound: unknown.filter(({ call }) => seenKeys.has(call.key)).length,
    lost: isDrained ? lostJobs(jobs, problems) : 0,
    duplicated: sharedIds(acknowledged, problems) + sharedKeys(jobs, problems) + doubleCompletions(jobs, problems),
    unexpected: unexpectedJobs(jobs, problems),
  };
  return { verdict: problems.verdict('accounting', operations.length), accounting };
}

function lostJobs(jobs: ReadonlyMap<number, JobHistory>, problems: Problems): number {
  let lost = 0;
  for (const job of jobs.values()) {
    const add = job.adds.find(({ outcome }) => outcome === 'ok');
    if (add === undefined || hasEnded(job)) continue;
    lost += 1;
    problems.add(`job ${job.id} was acknowledged and came to no end`, add);
  }
  return lost;
}

/** Completed, removed or failed, or possibly so. A read that came after all other operations decides. */
function hasEnded(job: JobHistory): boolean {
  const { completes, fails, removes, retries, claims, reads } = job;
  const isFinished = completes.some(mayHaveApplied) || fails.some(isLastFail(job)) || claims.some(mayBeLastStall);
  const isRemoved = removes.some(mayHaveApplied);
  const last = reads.at(-1);
  const others = [...completes, ...fails, ...removes, ...retries, ...claims.map(({ operation }) => operation)];
  const state = last?.result?.state;
  if (state === 'completed' || state === 'failed') return true;
  // Its children, or its parent, may have ended it; or it waits for a child that failed.
  if (job.adds.some(isInFlow) && (state === undefined || state === null || state === 'waiting-children')) return true;
  const { keepCompleted, keepFailed, deduplicationId } = addOf(job)?.call ?? {};
  // A duplicate may have taken its place.
  const mayBeGone = isRemoved || deduplicationId !== undefined;
  if (last === undefined || others.some((other) => !isBefore(other, last))) return isFinished || mayBeGone;
  return state === null && (mayBeGone || (isFinished && (keepCompleted !== -1 || keepFailed !== -1)));
}

/** Whether the failure may have been final: no claim returned the job after it. */
const isLastFail =
  (job: JobHistory) =>
  (fail: OperationOf<'fail'>): boolean =>
    mayHaveApplied(fail) && job.claims.every(({ token }) => token <= fail.call.token) && job.retries.length === 0 && mayBeFinal(job, fail);

/** Whether the job fails when the lease of this claim ends. */
const mayBeLastStall = ({ stalls = 0, operation }: JobClaim): boolean => stalls >= (operation.call.stalledMax ?? Number.POSITIVE_INFINITY);

function mayBeFinal(job: JobHistory, { call }: OperationOf<'fail'>): boolean {
  if (call.retry === false) return true;
  const attempt = job.claims.find(({ token }) => token === call.token)?.attempt;
  const attemptsMax = addOf(job)?.call.attemptsMax;
  return attempt === undefined || attemptsMax === undefined || attempt >= attemptsMax;
}

function sharedIds(acknowledged: readonly OperationOf<'add'>[], problems: Problems): number {
  const byId = new Map<number, OperationOf<'add'>>();
  let shared = 0;
  for (const add of acknowledged) {
    const id = add.result?.job ?? 0;
    const other = byId.get(id);
    byId.set(id, add);
    if (other === undefined) continue;
    shared += 1;
    problems.add(`two adds got job ${id}`, other, add);
  }
  return shared;
}

function sharedKeys(jobs: ReadonlyMap<number, JobHistory>, problems: Problems): number {
  const byKey = new Map<JobKey, JobHistory>();
  let shared = 0;
  for (const job of jobs.values()) {
    if (job.key === undefined) continue;
    const other = byKey.get(job.key);
    byKey.set(job.key, job);
    if (other === undefined) continue;
    shared += 1;
    problems.add(
      `${JSON.stringify(job.key)} was added once and is job ${other.id} and job ${job.id}`,
      ...evidence(other),
      ...evidence(job),
    );
  }
  return shared;
}

function doubleCompletions(jobs: ReadonlyMap<number, JobHistory>, problems: Problems): number {
  let doubled = 0;
  for (const { id, completes } of jobs.values()) {
    const accepted = completes.filter(({ outcome }) => outcome === 'ok');
    if (accepted.length < 2) continue;
    doubled += 1;
    problems.add(`job ${id} was completed ${accepted.length} times`, ...accepted);
  }
  return doubled;
}

function unexpectedJobs(jobs: ReadonlyMap<number, JobHistory>, problems: Problems): number {
  let unexpected = 0;
  for (const job of jobs.values()) {
    const wasSeen = job.claims.length > 0 || job.reads.some(({ result }) => result?.state !== null);
    if (possibleAddsOf(job).length > 0 || !wasSeen) continue;
    unexpected += 1;
    const [denied] = job.adds;
    if (denied === undefined) problems.add(`job ${job.id} (${JSON.stringify(job.key)}) was not added by any client`, ...evidence(job));
    else problems.add(`job ${job.id} exists although its add was reported as failed`, denied, ...evidence(job));
  }
  return unexpected;
}

/** The first operation that shows the job. */
function evidence({ adds, claims, reads }: JobHistory): HistoryOperation[] {
  const shown = adds.find(({ outcome }) => outcome === 'ok') ?? claims[0]?.operation ?? reads[0];
  return shown === undefined ? [] : [shown];
}
