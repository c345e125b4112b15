import type { OperationResult } from '../queue/reply.ts';

/** Somebody who awaits the result of one operation. Exactly one of the two is called, once. */
export interface Call {
  onResult(result: OperationResult): void;
  onError(error: Error): void;
}
