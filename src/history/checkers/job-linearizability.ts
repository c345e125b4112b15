import { type HistoryOperation, isFunction } from '../operation.ts';
import { addOf, type JobHistory, jobHistoriesOf } from './job-history.ts';
import { JobModel, type JobOperation, type JobTerms } from './job-model.ts';
import type { LeaseClock } from './lease-clock.ts';
import { checkLinearizable, type Span } from './linearizability.ts';
import { termsOf, trimmedQueues } from './retention-terms.ts';
import { Problems, type Verdict } from './verdict.ts';

export interface JobLinearizabilityOptions {
  readonly leases: LeaseClock;
  /** How much earlier than on the history's clock a delay may end. */
  readonly delayErrorUs: number;
  /** Whether attempts and stalls are counted by one rule in the whole history. */
  readonly isCounting: boolean;
  /** States that are tried for one job before its verdict is `unknown`. */
  readonly stepsPerJobMax: number;
}

/**
 * Every job by itself is linearizable (Herlihy and Wing's locality: a property of the whole holds for each object). The cost is linear in
 * the length of the history. Not checked are relations between jobs: their order and their counts.
 */
export function checkJobLinearizability(operations: readonly HistoryOperation[], options: JobLinearizabilityOptions): Verdict {
  const problems = new Problems();
  let checked = 0;
  let unknown = 0;
  const unknownClaims = unknownClaimsByQueue(operations);
  const trimmed = trimmedQueues(operations);
  const anyStalledMax = anyStalledMaxOf(operations);
  const jobs = jobHistoriesOf(operations);
  for (const job of jobs.values()) {
    const projection = projectionOf(job);
    checked += projection.length;
    const add = addOf(job);
    const unknownClaimsAt = unknownClaims.get(add?.call.queue ?? job.claims[0]?.operation.call.queue ?? job.queue ?? '') ?? [];
    const model = new JobModel({
      terms: job.adds.length === 1 && add !== undefined ? termsOf(add, trimmed) : commonTermsOf(job),
      unknownClaimsAt,
      anyStalledMax,
      leases: options.leases,
      delayErrorUs: options.delayErrorUs,
      isCounting: options.isCounting,
    });
    const { result, stuckAt } = checkLinearizable(projection, model, options.stepsPerJobMax);
    if (result === 'unknown') unknown += 1;
    if (result !== 'violation') continue;
    const source = stuckAt?.operation.source;
    const shown = source === undefined ? [] : [...(add === undefined ? [] : [add]), 'f' in source ? source : source.operation];
    problems.add(
      `job ${job.id} has no linear order: nothing allows the last of these in the state ${JSON.stringify(stuckAt?.state)}`,
      ...shown,
    );
  }
  return problems.verdict('linearizable jobs', checked, { objects: 'jobs', count: jobs.size, unknown });
}

/** What may be true of a job that one of several adds has added. */
function commonTermsOf({ adds }: JobHistory): JobTerms {
  const { deduplicationId } = adds.find(({ call }) => call.deduplicationId !== undefined)?.call ?? {};
  const parentKey = adds.find(({ call }) => call.parentKey !== undefined)?.call.parentKey;
  const hasChildren = adds.some(({ call }) => call.hasChildren === true);
  return {
    hasChildren,
    ...(deduplicationId === undefined ? {} : { deduplicationId }),
    ...(parentKey === undefined ? {} : { parentKey }),
  };
}

/** The maximum over claims with unknown jobs; undefined when one of them has none. */
function anyStalledMaxOf(operations: readonly HistoryOperation[]): number | undefined {
  const allowed = operations.filter(isFunction('claim')).map(({ call }) => call.stalledMax ?? Number.POSITIVE_INFINITY);
  const most = allowed.reduce((one, other) => Math.max(one, other), 0);
  return Number.isFinite(most) ? most : undefined;
}

function unknownClaimsByQueue(operations: readonly HistoryOperation[]): Map<string, number[]> {
  const byQueue = new Map<string, number[]>();
  for (const operation of operations) {
    if (operation.f !== 'claim' || operation.outcome !== 'info') continue;
    const known = byQueue.get(operation.call.queue);
    if (known === undefined) byQueue.set(operation.call.queue, [operation.invokedAt]);
    else known.push(operation.invokedAt);
  }
  return byQueue;
}

/** All operations on the job that may have taken effect. */
function projectionOf(job: JobHistory): JobOperation[] {
  const { adds, begins, extends: extensions, completes, fails, releases, holderReleases, retries, removes, changes, claims } = job;
  const named = [
    ...adds,
    ...begins,
    ...extensions,
    ...completes,
    ...fails,
    ...releases,
    ...holderReleases,
    ...retries,
    ...removes,
    ...changes,
    ...job.reads,
    ...job.logReads,
  ];
  const projection: JobOperation[] = named.filter(({ outcome }) => outcome !== 'fail').map((source) => ({ source, ...spanOf(source) }));
  for (const source of claims) {
    projection.push({ source, ...spanOf(source.operation) });
  }
  return projection.sort((a, b) => a.invokedAt - b.invokedAt);
}

const spanOf = ({ invokedAt, returnedAt, invokedUs, returnedUs }: HistoryOperation): Span => ({
  invokedAt,
  returnedAt,
  invokedUs,
  returnedUs,
});
