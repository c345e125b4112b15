import type { HistoryOperation } from '../history/operation.ts';
import { addOf, type JobHistory, jobHistoriesOf } from './job-history.ts';
import { JobModel, type JobOperation } from './job-model.ts';
import type { LeaseClock } from './lease-clock.ts';
import { checkLinearizable, type Span } from './linearizability.ts';
import { Problems, type Verdict } from './verdict.ts';

export interface JobLinearizabilityOptions {
  readonly leases: LeaseClock;
  /** How much earlier than by the history's clock a delay may end. */
  readonly delayErrorUs: number;
  /** Whether attempts and stalls are counted by the one rule for the whole history. */
  readonly isCounting: boolean;
  /** How many states are tried for one job before it is left as unknown. */
  readonly stepsPerJobMax: number;
}

/**
 * Every job alone is linearizable (Herlihy and Wing's locality: what holds of the whole must hold of each of its objects). Grows with the history no faster than its length, and sees
 * everything but what ties jobs together: their order and their counts.
 */
export function checkJobLinearizability(operations: readonly HistoryOperation[], options: JobLinearizabilityOptions): Verdict {
  const problems = new Problems();
  let checked = 0;
  let unknown = 0;
  const unknownClaims = unknownClaimsByQueue(operations);
  for (const job of jobHistoriesOf(operations).values()) {
    const projection = projectionOf(job);
    checked += projection.length;
    const add = addOf(job);
    const unknownClaimsAt = unknownClaims.get(add?.call.queue ?? job.claims[0]?.operation.call.queue ?? '') ?? [];
    const model = new JobModel({
      terms: job.adds.length === 1 && add !== undefined ? add.call : {},
      unknownClaimsAt,
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
  return problems.verdict('linearizable jobs', checked, unknown > 0);
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
  const { adds, begins, extends: extensions, completes, fails, releases, holderReleases, retries, removes, reads, claims } = job;
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
    ...reads,
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
