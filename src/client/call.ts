import type { OperationResult } from '../queue/reply.ts';

/**
 * Somebody who awaits the result of one operation. Exactly one of the two is called, once. Who is committed for several operations is
 * called once for each: those of one batch in their order, but batches may be answered in any.
 */
export interface Call {
  onResult(result: OperationResult): void;
  onError(error: Error): void;
}
