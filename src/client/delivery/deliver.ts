import type { OperationResult } from '../../protocol/reply.ts';
import type { PendingOperation } from './pending-operation.ts';

/** The result of a call may run a user's code. If that throws, the other calls of the request must still get their results. */
export function deliver(call: PendingOperation, result: OperationResult): void {
  try {
    call.onResult(result);
  } catch (thrown) {
    warnOf(thrown);
  }
}

export function fail(call: PendingOperation, error: Error): void {
  try {
    call.onError(error);
  } catch (thrown) {
    warnOf(thrown);
  }
}

function warnOf(thrown: unknown): void {
  const warning = new Error('A function that awaited the reply of a call threw an error. The other calls were answered. See the cause.', {
    cause: thrown,
  });
  warning.name = 'JobraftWarning';
  process.emitWarning(warning);
}
