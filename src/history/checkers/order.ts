import { type HistoryOperation, isBefore, isFunction, type OperationOf } from '../operation.ts';
import { addOf, hasOnePriority, type JobClaim, type JobHistory, jobHistoriesOf } from './job-history.ts';
import { Problems, type Verdict } from './verdict.ts';

/** The first claim of a job that was ready when it was added. */
interface FirstClaim {
  readonly job: JobHistory;
  readonly claim: JobClaim;
  readonly priority: number;
  readonly isLifo: boolean;
  /** When its add ended; Infinity when that is unknown. */
  readonly addedAt: number;
}

/**
 * Ids follow the order of adds that did not overlap. Jobs that were ready when added are first claimed by priority, and within one priority
 * those with lifo, newest id first, then the others by id. Claims are ordered by their tokens.
 */
export function checkOrder(operations: readonly HistoryOperation[]): Verdict {
  const problems = new Problems();
  checkIds(operations, problems);
  const byQueue = new Map<string, FirstClaim[]>();
  const unknownClaims = operations.filter(isFunction('claim')).filter(({ outcome }) => outcome === 'info');
  for (const job of jobHistoriesOf(operations).values()) {
    const first = firstClaimOf(job, unknownClaims);
    if (first === undefined) continue;
    const { queue } = first.claim.operation.call;
    const known = byQueue.get(queue);
    if (known === undefined) byQueue.set(queue, [first]);
    else known.push(first);
  }
  let checked = 0;
  for (const claims of byQueue.values()) {
    checked += claims.length;
    checkClaims(claims, problems);
  }
  return problems.verdict('order', checked);
}

/** An add that ended before another began has the smaller id. */
function checkIds(operations: readonly HistoryOperation[], problems: Problems): void {
  const adds = operations.filter(isFunction('add')).filter(({ outcome }) => outcome === 'ok');
  adds.sort((a, b) => (b.result?.job ?? 0) - (a.result?.job ?? 0));
  let earliest: (typeof adds)[number] | undefined;
  for (const add of adds) {
    if (earliest !== undefined && isBefore(earliest, add))
      problems.add(`job ${earliest.result?.job} was added before job ${add.result?.job} and has the larger id`, earliest, add);
    if (earliest === undefined || add.returnedAt < earliest.returnedAt) earliest = add;
  }
}

/** Undefined for a job that may not have been ready, whose priority may have changed, or whose first claim may be unknown. */
function firstClaimOf(job: JobHistory, unknownClaims: readonly OperationOf<'claim'>[]): FirstClaim | undefined {
  const add = addOf(job);
  if (add === undefined || (add.call.delayMs ?? 0) > 0 || add.call.hasChildren === true) return undefined;
  if (!hasOnePriority(job)) return undefined;
  const [claim] = job.claims.toSorted((one, other) => one.token - other.token);
  if (claim === undefined) return undefined;
  const { call, returnedAt } = claim.operation;
  if (unknownClaims.some((unknown) => unknown.call.queue === call.queue && unknown.invokedAt < returnedAt)) return undefined;
  const { priority = 0, isLifo = false } = add.call;
  return { job, claim, priority, isLifo, addedAt: add.returnedAt };
}

function checkClaims(claims: FirstClaim[], problems: Problems): void {
  claims.sort((a, b) => a.claim.token - b.claim.token);
  const largest = new Map<number, FirstClaim>();
  for (const claim of claims) {
    if (claim.isLifo) continue;
    const before = largest.get(claim.priority);
    if (before !== undefined && before.job.id > claim.job.id)
      problems.add(
        `job ${before.job.id} was claimed (token ${before.claim.token}) before job ${claim.job.id} (token ${claim.claim.token}), which was added before it`,
        before.claim.operation,
        claim.claim.operation,
      );
    if (before === undefined || claim.job.id > before.job.id) largest.set(claim.priority, claim);
  }
  checkWaiting(claims, problems);
}

/**
 * No job is claimed while one of a smaller priority number certainly waits, or one with lifo of the same that comes before it. Iterates from
 * the last claim to the first.
 */
function checkWaiting(claims: readonly FirstClaim[], problems: Problems): void {
  // A claim with a larger token comes after the invocations of all with smaller ones.
  const notBefore: number[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (const { claim } of claims) {
    latest = Math.max(latest, claim.operation.invokedAt);
    notBefore.push(latest);
  }
  const waiting = new Map<number, FirstClaim>();
  /** Those with lifo, by priority. */
  const lifo = new Map<number, FirstClaim[]>();
  for (let at = claims.length - 1; at >= 0; at -= 1) {
    const claim = claims[at] as FirstClaim;
    for (const [priority, other] of waiting) {
      if (priority >= claim.priority || other.addedAt >= (notBefore[at] ?? 0)) continue;
      problems.add(
        `job ${claim.job.id} of priority ${claim.priority} was claimed while job ${other.job.id} of priority ${priority} waited`,
        claim.claim.operation,
        other.claim.operation,
      );
    }
    const ofPriority = lifo.get(claim.priority) ?? [];
    const passed = ofPriority.find((other) => isServedFirst(other, claim) && other.addedAt < (notBefore[at] ?? 0));
    if (passed !== undefined)
      problems.add(
        `job ${claim.job.id} of priority ${claim.priority} was claimed while job ${passed.job.id} with lifo waited`,
        claim.claim.operation,
        passed.claim.operation,
      );
    if (claim.isLifo) {
      ofPriority.push(claim);
      lifo.set(claim.priority, ofPriority);
    }
    const known = waiting.get(claim.priority);
    if (known === undefined || claim.addedAt < known.addedAt) waiting.set(claim.priority, claim);
  }
}

/** Of a job with lifo and another one of its priority. */
const isServedFirst = (lifo: FirstClaim, other: FirstClaim): boolean => !other.isLifo || lifo.job.id > other.job.id;
