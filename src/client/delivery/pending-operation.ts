import type { OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';

/**
 * Awaits the result of one operation. Exactly one of the two methods is called, once. An object that is committed for several operations
 * is called once for each: those of one batch in their order, but batches may complete in any order.
 */
export interface PendingOperation {
  onResult(result: OperationResult): void;
  onError(error: Error): void;
  /** For a claim: the lease it requests, in ms. Jobs of a reply after `onError` are released at once. */
  readonly claimLeaseMs?: number;
}

/**
 * A call for an operation that ends a job or extends its lease. It is repeated until it has a reply or its own time is over, in a new
 * session if need be: the fencing token makes the repetition harmless. The bounds on queued operations and bytes do not count it; its
 * caller holds a bounded number of jobs.
 */
export interface RepeatedOperation extends PendingOperation {
  /** Writes its operation, also for another request. */
  write(encoder: RequestEncoder): void;
  /**
   * How long it is repeated, by the client's clock: until the end of the lease, and at least for one `deadlineMs` of the client. Read again
   * each time: an extension changes it.
   */
  untilMs(): number;
  /**
   * Whether `untilMs` is extended while no leader is known, and for one `deadlineMs` after that: the leader that ends an outage gives
   * leases a fresh term. Read again each time, so that the value may change when the caller closes.
   */
  outlivesOutage(): boolean;
  /**
   * Complete, fail and release: they end the lease. If the cluster replies that it is gone, and an earlier sending never got a
   * reply, the outcome is unknown: `onError` gets a LeaseLostError that says so.
   */
  readonly endsLease: boolean;
}

export const isRepeated = (call: PendingOperation): call is RepeatedOperation => 'write' in call;
