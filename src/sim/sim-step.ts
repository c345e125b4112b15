import type { OperationFunction, Results } from '../history/functions.ts';
import type { OpenCall } from '../history/history.ts';
import type { OperationResult } from '../protocol/reply.ts';
import type { Coverage } from './coverage.ts';
import { Violation } from './violation.ts';

/** One operation of a request: ends its call in the history with its outcome. */
export interface Step {
  settle(result: OperationResult): void;
  /** Its outcome is unknown. */
  giveUp(): void;
  /** It was certainly not executed. */
  reject(code: string): void;
  /** A payload is larger than the nodes' limit. */
  readonly isOversized?: boolean;
}

/** @param toResult maps a good result to the history; undefined when it does not belong to this call. */
export function stepOf<F extends OperationFunction>(
  coverage: Coverage,
  call: OpenCall<F>,
  toResult: (result: OperationResult & { ok: true }) => Results[F] | undefined,
): Step {
  return {
    ...unsettled(call),
    settle: (result) => {
      if (!result.ok) {
        if (result.code === 'LEASE_LOST') coverage.add('stale token rejected');
        call.fail(result.code);
        return;
      }
      const value = toResult(result);
      if (value === undefined) throw new Violation('replies fit their requests', `got ${result.type}`);
      call.ok(value);
    },
  };
}

export function unsettled<F extends OperationFunction>(call: OpenCall<F>): Pick<Step, 'giveUp' | 'reject'> {
  return { giveUp: () => call.info('outcome unknown'), reject: (code) => call.fail(code) };
}
