import type { OperationResult } from '../protocol/reply.ts';
import type { RequestEncoder } from '../protocol/request-encoder.ts';

/**
 * What awaits the result of one operation. Exactly one of the two is called, once. Who is committed for several operations is
 * called once for each: those of one batch in their order, but batches may be answered in any.
 */
export interface PendingOperation {
  onResult(result: OperationResult): void;
  onError(error: Error): void;
  /** Of a claim: the lease it asks for, in ms. Jobs of a reply that comes after `onError` was called are released at once. */
  readonly claimLeaseMs?: number;
}

/**
 * A call for an operation that ends a job or extends its lease. It is repeated until it is answered or its own time is over, in a new session
 * if need be: the fencing token makes the repetition harmless. It is exempt from the bounds on queued operations and bytes, which do not
 * count it; its caller holds a bounded number of jobs.
 */
export interface RepeatedOperation extends PendingOperation {
  /** Writes its operation, also for a second time: into another request. */
  write(encoder: RequestEncoder): void;
  /**
   * Until when it is repeated, by performance.now(): the end of the lease. At least for one `deadlineMs` of the client. Asked again each
   * time: an extension that is answered meanwhile puts it off.
   */
  untilMs(): number;
  /**
   * Whether `untilMs` is put off while no leader is known, and for one `deadlineMs` after that: a lease gets a fresh term from the
   * leader that ends an outage. Asked again each time, so that the reply may change when the caller closes.
   */
  outlivesOutage(): boolean;
  /**
   * Complete, fail and release: the lease is gone once they are applied. If the cluster says that it is gone, and an earlier sending was
   * never answered, the outcome is unknown: `onError` gets a LeaseLostError that says so.
   */
  readonly endsLease: boolean;
}

export const isRepeated = (call: PendingOperation): call is RepeatedOperation => 'write' in call;
