import type { Dispatcher } from '../../client/delivery/dispatcher.ts';
import { unexpectedResult } from '../../client/result-errors.ts';
import type { ClaimedJob, OperationResult } from '../../protocol/reply.ts';
import type { ClaimOptions, RequestEncoder } from '../../protocol/request-encoder.ts';

const OPERATION_BYTES = 128;

/** The result of one operation of a request, if it is of the type. @throws what the client rejects the call with. */
export async function resultOf<Type extends Extract<OperationResult, { ok: true }>['type']>(
  type: Type,
  issue: (call: { readonly onResult: (result: OperationResult) => void; readonly onError: (error: Error) => void }) => void,
): Promise<Extract<OperationResult, { readonly type: Type }>> {
  const result = await new Promise<OperationResult>((resolve, reject) => issue({ onResult: resolve, onError: reject }));
  if (!result.ok || result.type !== type) throw unexpectedResult(result);
  return result as Extract<OperationResult, { readonly type: Type }>;
}

/** Issues one command that is answered by `done`. */
export async function done(dispatcher: Dispatcher, write: (encoder: RequestEncoder) => void, bytes = 0): Promise<void> {
  await resultOf('done', (call) => {
    write(dispatcher.open(OPERATION_BYTES + bytes));
    dispatcher.commit(call);
  });
}

/**
 * Claims jobs, and waits for one if the options say so.
 * @param signal aborted when the caller is gone: the jobs that the claim brings after that are given back.
 */
export async function claim(
  dispatcher: Dispatcher,
  queue: string,
  options: ClaimOptions,
  signal: AbortSignal,
): Promise<readonly ClaimedJob[]> {
  const { leaseMs, waitMs } = options;
  const sentAtMs = performance.now();
  const { jobs } = await resultOf('claimed', (call) => {
    if (waitMs > 0) {
      const waiting = dispatcher.claim(queue, options, { ...call, claimLeaseMs: leaseMs });
      signal.addEventListener('abort', () => dispatcher.cancelClaim(waiting), { once: true });
      return;
    }
    dispatcher.open(OPERATION_BYTES).claim(queue, options);
    dispatcher.commit({ ...call, claimLeaseMs: leaseMs });
  });
  if (!signal.aborted) return jobs;
  for (const job of jobs) dispatcher.giveBack(job, sentAtMs + leaseMs);
  return [];
}
