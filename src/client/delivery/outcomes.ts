import type { OperationResult } from '../../protocol/reply.ts';
import { deadlineRejection, type Obstacle, RequestRejectedError, SessionExpiredError } from '../errors.ts';
import type { Batch } from './batch.ts';
import type { BatchBuilder } from './batch-builder.ts';
import type { Deadlines } from './deadlines.ts';
import { fail } from './deliver.ts';
import type { LateClaims } from './late-claims.ts';
import { batchOfKept } from './open-batch.ts';
import { isRepeated } from './pending-operation.ts';
import type { SessionQueues } from './session-queues.ts';

/**
 * Decides how a batch and each of its calls continue when it gets a reply, is rejected, or its time is over. Kept calls continue: in their
 * batch, whose bytes are repeated, or in another one if that can no longer get a reply. Sends nothing itself.
 */
export class Outcomes {
  readonly #sessionQueues: SessionQueues;
  readonly #batchBuilder: BatchBuilder;
  readonly #late: LateClaims;
  readonly #deadlines: Deadlines;

  constructor(parts: {
    readonly sessionQueues: SessionQueues;
    readonly batchBuilder: BatchBuilder;
    readonly late: LateClaims;
    readonly deadlines: Deadlines;
  }) {
    this.#sessionQueues = parts.sessionQueues;
    this.#batchBuilder = parts.batchBuilder;
    this.#late = parts.late;
    this.#deadlines = parts.deadlines;
  }

  onReply(batch: Batch, results: readonly OperationResult[]): void {
    const [first] = results;
    if (first !== undefined && !first.ok && first.code === 'SESSION_EXPIRED') {
      this.#onSessionExpired(batch);
    } else if (batch.isOpening && first?.ok === true && first.type === 'opened') {
      const session = this.#sessionQueues.sessionOf(batch);
      this.#sessionQueues.remove(batch);
      if (session !== undefined) this.#sessionQueues.onOpened(session, first.client);
    } else if (batch.isOpening || results.length !== batch.operations) {
      const message = `The reply has ${results.length} results for ${batch.operations} operations.`;
      this.onRejected(batch, new RequestRejectedError('UNEXPECTED_RESULT', message, 'unknown'));
    } else {
      this.#complete(batch);
      batch.complete(results);
    }
  }

  /** Results of some operations, from place `first` on; those of the others follow. */
  onReplyPart(batch: Batch, first: number, results: readonly OperationResult[]): void {
    this.#batchBuilder.releaseCompleted(batch.completeFrom(first, results));
    if (batch.ordinary === 0) this.#complete(batch);
  }

  /** A repetition of this request would be rejected again. */
  onRejected(batch: Batch, error: Error): void {
    const session = this.#sessionQueues.sessionOf(batch);
    const rejected = batch.isOpening && session !== undefined ? session.sessionQueue.takeQueued() : [batch];
    this.#sessionQueues.remove(batch);
    for (const each of rejected) {
      this.#complete(each);
      each.fail(error);
    }
  }

  /** The same because of the operations at these places. The others continue in another request, unless a sending may have taken effect. */
  onOperationsRejected(batch: Batch, error: Error, operations: readonly number[]): void {
    const sessionQueue = this.#sessionQueues.sessionOf(batch)?.sessionQueue;
    if (sessionQueue === undefined || batch.isOpening || operations.length === 0) {
      this.onRejected(batch, error);
      return;
    }
    const places = new Set(operations);
    const isUncertain = batch.uncertainSends > 0;
    const rest = isUncertain || batch.ordinary === 0 ? restOf(batch, isUncertain, places) : batch.without(places);
    this.#sessionQueues.remove(batch);
    this.#batchBuilder.release(batch, rest);
    if (rest !== undefined) sessionQueue.requeue(rest);
    const goesOn = new Set(rest === undefined ? [] : [...rest.pending()].map(([, call]) => call));
    const rejected = [...batch.pending()].filter(([at, call]) => places.has(at) || !goesOn.has(call));
    batch.completed();
    for (const [at, call] of rejected)
      fail(call, places.has(at) ? error : new RequestRejectedError(BESIDE, besideMessage(error), 'unknown'));
  }

  /**
   * Ends the time of all calls except kept ones, claims that are alone in their request, which wait for the end of an outage, and stale
   * reads, which any node answers.
   */
  expireCalls(nowMs: number): void {
    for (const batches of [this.#sessionQueues.queued(), this.#sessionQueues.unanswered()])
      for (const batch of batches) if (!batch.isStale && hasOtherThanClaims(batch)) batch.deadlineMs = Math.min(batch.deadlineMs, nowMs);
  }

  /** Rejects the calls whose time is over. @param obstacle what prevents all calls from being sent or answered, as far as known. */
  expire(nowMs: number, obstacle: Obstacle): void {
    this.#sessionQueues.replaceQueued((batch) => this.#expired(batch, nowMs, obstacle));
    for (const batch of [...this.#sessionQueues.unanswered()]) {
      const rest = this.#expired(batch, nowMs, obstacle);
      if (rest === batch) continue;
      const session = this.#sessionQueues.sessionOf(batch);
      this.#sessionQueues.remove(batch);
      if (rest !== undefined) session?.sessionQueue.requeue(rest);
    }
  }

  /** @returns the batch, its replacement, or undefined if no call waits for it any longer. */
  #expired(batch: Batch, nowMs: number, obstacle: Obstacle): Batch | undefined {
    if (batch.isOpening || !this.#deadlines.isDue(batch, nowMs)) return batch;
    const isDue = batch.ordinary > 0 && batch.deadlineMs <= nowMs;
    const isUncertain = batch.uncertainSends > 0;
    if (isDue && !isUncertain && !batch.isRead && batch.rejection?.code === 'RETRY_LATER') {
      // A claim that no node could hold has waited here. That is no error.
      batch.completeWithoutJobs();
      return undefined;
    }
    const wasRead = batch.isRead && isUncertain;
    const error = deadlineRejection(batch.outcome, { ...obstacle, rejection: batch.rejection ?? obstacle.rejection, wasRead });
    if (isDue) {
      this.#batchBuilder.releaseOrdinary(batch);
      batch.failOrdinary(error, (call) => (isUncertain ? this.#late.successorOf(call) : undefined));
    }
    let wasRejected = isDue;
    for (const [at, call] of batch.pending()) {
      if (!isRepeated(call) || !this.#deadlines.isOver(call, batch, nowMs)) continue;
      wasRejected = true;
      this.#batchBuilder.releaseKept();
      batch.failAt(at, error);
    }
    if (batch.ordinary + batch.kept === 0) {
      if (isUncertain) this.#late.expect(batch);
      return undefined;
    }
    // Calls that were rejected as not applied must not be sent again.
    return wasRejected && !isUncertain && batch.ordinary === 0 ? restOf(batch, false) : batch;
  }

  #onSessionExpired(batch: Batch): void {
    const sessionQueue = this.#sessionQueues.sessionOf(batch)?.sessionQueue;
    this.#sessionQueues.expireSessionOf(batch);
    if (batch.isOpening || sessionQueue === undefined) return;
    // If the only sending got this rejection as its reply, nothing was applied: the batch may be sent in a new session.
    const isUncertain = batch.uncertainSends > 1;
    if (isUncertain) {
      this.#batchBuilder.releaseOrdinary(batch);
      batch.failOrdinary(new SessionExpiredError(), () => undefined);
    }
    if (batch.isCancelled && batch.ordinary > 0) {
      batch.completeWithoutJobs();
    } else if (batch.ordinary > 0) {
      batch.clearSequence();
      sessionQueue.requeue(batch);
    } else if (batch.kept > 0) {
      const rest = restOf(batch, isUncertain);
      if (rest !== undefined) sessionQueue.requeue(rest);
    }
  }

  /** Removes the batch; the caller completes its calls. */
  #complete(batch: Batch): void {
    this.#sessionQueues.remove(batch);
    this.#batchBuilder.release(batch);
    batch.completed();
  }
}

/** The code of a call that was rejected because of another one in its request. */
const BESIDE = 'REJECTED_TOGETHER';

const besideMessage = ({ message }: Error): string =>
  `Another call of the same request is invalid, and the request was sent before, so that this call may have taken effect. Look for its job, then repeat it. The other one: ${message}`;

function hasOtherThanClaims(batch: Batch): boolean {
  for (const [, call] of batch.pending()) if (!isRepeated(call) && call.claimLeaseMs === undefined) return true;
  return false;
}

/** The unanswered kept calls of a batch, without those at `places`, in a replacement batch. */
function restOf(batch: Batch, mayHaveTakenEffect: boolean, places: ReadonlySet<number> = new Set()): Batch | undefined {
  const calls = [...batch.pending()].flatMap(([at, call]) => (isRepeated(call) && !places.has(at) ? [call] : []));
  if (calls.length === 0) return undefined;
  const rest = batchOfKept(calls, batch.deadlineMs, mayHaveTakenEffect || batch.mayHaveTakenEffect);
  rest.order = batch.order;
  return rest;
}
