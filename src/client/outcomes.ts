import type { OperationResult } from '../protocol/reply.ts';
import type { Batch } from './batch.ts';
import type { BatchBuilder } from './batch-builder.ts';
import type { CallTimes } from './call-times.ts';
import { fail } from './deliver.ts';
import { deadlineRejection, type Obstacle, RequestRejectedError, SessionExpiredError } from './errors.ts';
import type { LateClaims } from './late-claims.ts';
import { batchOfKept } from './open-batch.ts';
import { isRepeated } from './pending-operation.ts';
import type { SessionQueues } from './session-queues.ts';

/**
 * Decides what becomes of a batch, and of each of its calls, when it is answered, rejected, or its time is over. Kept calls go on: in their
 * batch, whose bytes are repeated, or in another one when that can have no reply any more. Sends nothing itself.
 */
export class Outcomes {
  readonly #lanes: SessionQueues;
  readonly #intake: BatchBuilder;
  readonly #late: LateClaims;
  readonly #times: CallTimes;

  constructor(parts: {
    readonly lanes: SessionQueues;
    readonly intake: BatchBuilder;
    readonly late: LateClaims;
    readonly times: CallTimes;
  }) {
    this.#lanes = parts.lanes;
    this.#intake = parts.intake;
    this.#late = parts.late;
    this.#times = parts.times;
  }

  onReply(batch: Batch, results: readonly OperationResult[]): void {
    const [first] = results;
    if (first !== undefined && !first.ok && first.code === 'SESSION_EXPIRED') {
      this.#onSessionExpired(batch);
    } else if (batch.isOpening && first?.ok === true && first.type === 'opened') {
      this.#lanes.remove(batch);
      if (batch.session !== undefined) this.#lanes.onOpened(batch.session, first.client);
    } else if (batch.isOpening || results.length !== batch.operations) {
      const message = `${results.length} results came for ${batch.operations} operations.`;
      this.onRejected(batch, new RequestRejectedError('UNEXPECTED_RESULT', message, 'unknown'));
    } else {
      this.#complete(batch);
      batch.complete(results);
    }
  }

  /** Results of some operations, from place `first` on; those of the others follow. */
  onReplyPart(batch: Batch, first: number, results: readonly OperationResult[]): void {
    this.#intake.releaseCompleted(batch.completeFrom(first, results));
    if (batch.ordinary === 0) this.#complete(batch);
  }

  /** No repetition of this request can help. */
  onRejected(batch: Batch, error: Error): void {
    const { session } = batch;
    const rejected = batch.isOpening && session !== undefined ? session.lane.takeQueued() : [batch];
    this.#lanes.remove(batch);
    for (const each of rejected) {
      this.#complete(each);
      each.fail(error);
    }
  }

  /** Likewise, because of the operations at these places. The others go on in another request, unless an earlier sending may have taken effect. */
  onOperationsRejected(batch: Batch, error: Error, operations: readonly number[]): void {
    const lane = batch.session?.lane;
    if (lane === undefined || batch.isOpening || operations.length === 0) {
      this.onRejected(batch, error);
      return;
    }
    const places = new Set(operations);
    const isUncertain = batch.uncertainSends > 0;
    const rest = isUncertain || batch.ordinary === 0 ? restOf(batch, isUncertain, places) : batch.without(places);
    this.#lanes.remove(batch);
    this.#intake.release(batch, rest);
    if (rest !== undefined) lane.requeue(rest);
    const goesOn = new Set(rest === undefined ? [] : [...rest.pending()].map(([, call]) => call));
    const rejected = [...batch.pending()].filter(([at, call]) => places.has(at) || !goesOn.has(call));
    batch.completed();
    for (const [, call] of rejected) fail(call, error);
  }

  /**
   * From now on the time of all calls is over but that of kept ones, of claims that are alone in their request, which wait for the end of an
   * outage, and of stale reads, which any node replies.
   */
  expireCalls(nowMs: number): void {
    for (const batches of [this.#lanes.queued(), this.#lanes.unanswered()])
      for (const batch of batches) if (!batch.isStale && hasOtherThanClaims(batch)) batch.deadlineMs = Math.min(batch.deadlineMs, nowMs);
  }

  /** Rejects the calls whose time is over. @param obstacle what keeps all calls from being sent or answered, as far as is known. */
  expire(nowMs: number, obstacle: Obstacle): void {
    this.#lanes.replaceQueued((batch) => this.#expired(batch, nowMs, obstacle));
    for (const batch of [...this.#lanes.unanswered()]) {
      const rest = this.#expired(batch, nowMs, obstacle);
      if (rest === batch) continue;
      this.#lanes.remove(batch);
      if (rest !== undefined) batch.session?.lane.requeue(rest);
    }
  }

  /** @returns the batch, what goes on in place of it, or undefined when no call waits for it any more. */
  #expired(batch: Batch, nowMs: number, obstacle: Obstacle): Batch | undefined {
    if (batch.isOpening || !this.#times.isDue(batch, nowMs)) return batch;
    const isDue = batch.ordinary > 0 && batch.deadlineMs <= nowMs;
    const isUncertain = batch.uncertainSends > 0;
    if (isDue && !isUncertain && batch.rejection?.code === 'RETRY_LATER') {
      // A claim that found no room to wait at the cluster has waited here. That is no error.
      batch.completeWithoutJobs();
      return undefined;
    }
    const outcome = isUncertain || batch.mayHaveTakenEffect ? 'unknown' : 'not-applied';
    const error = deadlineRejection(outcome, { ...obstacle, rejection: batch.rejection ?? obstacle.rejection });
    if (isDue) {
      this.#intake.releaseOrdinary(batch);
      batch.failOrdinary(error, (call) => (isUncertain ? this.#late.successorOf(call) : undefined));
    }
    let wasRejected = isDue;
    for (const [at, call] of batch.pending()) {
      if (!isRepeated(call) || !this.#times.isOver(call, batch, nowMs)) continue;
      wasRejected = true;
      this.#intake.releaseKept();
      batch.failAt(at, error);
    }
    if (batch.ordinary + batch.kept === 0) {
      if (isUncertain) this.#late.expect(batch);
      return undefined;
    }
    // What was rejected as not applied must not be sent any more.
    return wasRejected && !isUncertain && batch.ordinary === 0 ? restOf(batch, false) : batch;
  }

  #onSessionExpired(batch: Batch): void {
    const lane = batch.session?.lane;
    this.#lanes.expireSessionOf(batch);
    if (batch.isOpening || lane === undefined) return;
    // If the only sending was answered with this rejection, nothing was applied: the batch may go out in a new session.
    const isUncertain = batch.uncertainSends > 1;
    if (isUncertain) {
      this.#intake.releaseOrdinary(batch);
      batch.failOrdinary(new SessionExpiredError(), () => undefined);
    }
    if (batch.isCancelled && batch.ordinary > 0) {
      batch.completeWithoutJobs();
    } else if (batch.ordinary > 0) {
      batch.clearSequence();
      lane.requeue(batch);
    } else if (batch.kept > 0) {
      const rest = restOf(batch, isUncertain);
      if (rest !== undefined) lane.requeue(rest);
    }
  }

  /** The batch needs no more attention; its calls are told by the caller. */
  #complete(batch: Batch): void {
    this.#lanes.remove(batch);
    this.#intake.release(batch);
    batch.completed();
  }
}

function hasOtherThanClaims(batch: Batch): boolean {
  for (const [, call] of batch.pending()) if (!isRepeated(call) && call.claimLeaseMs === undefined) return true;
  return false;
}

/** The kept calls of a batch that await a reply, but those at `places`, in a new one that takes its place. */
function restOf(batch: Batch, mayHaveTakenEffect: boolean, places: ReadonlySet<number> = new Set()): Batch | undefined {
  const calls = [...batch.pending()].flatMap(([at, call]) => (isRepeated(call) && !places.has(at) ? [call] : []));
  if (calls.length === 0) return undefined;
  const rest = batchOfKept(calls, batch.deadlineMs, mayHaveTakenEffect || batch.mayHaveTakenEffect);
  rest.order = batch.order;
  return rest;
}
