import type { Client } from '../../client/api/client.ts';
import { unexpectedResult } from '../../client/result-errors.ts';
import type { ClaimedJob, OperationResult } from '../../protocol/reply.ts';
import type { ClaimOptions, RequestEncoder } from '../../protocol/request-encoder.ts';
import type { RequestIdProto } from '../../transport/grpc/jobs-service.ts';
import type { Results } from './session-requests.ts';

const OPERATION_BYTES = 128;

/** What serves one call. */
export interface ServedCall {
  readonly client: Client;
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal;
  /** Sends operations as a request of the caller's session. @param waitMs how long a claim may wait. */
  inSession(id: RequestIdProto, write: (encoder: RequestEncoder) => void, waitMs?: number): Promise<Results>;
  /** Begins a session. @returns its id. */
  openSession(): Promise<number>;
}

/** Of a caller that has a session; null and undefined of others. */
type RequestId = RequestIdProto | null | undefined;

/** The result of one operation of a request, if it is of the type. @throws what the client rejects the call with. */
export async function resultOf<Type extends Extract<OperationResult, { ok: true }>['type']>(
  type: Type,
  issue: (call: { readonly onResult: (result: OperationResult) => void; readonly onError: (error: Error) => void }) => void,
): Promise<Extract<OperationResult, { readonly type: Type }>> {
  const result = await new Promise<OperationResult>((resolve, reject) => issue({ onResult: resolve, onError: reject }));
  if (!result.ok || result.type !== type) throw unexpectedResult(result);
  return result as Extract<OperationResult, { readonly type: Type }>;
}

/** Issues one operation: in the caller's session, if it has one. @param bytes about how many it takes. */
export function operationOf(served: ServedCall, id: RequestId, write: (encoder: RequestEncoder) => void, bytes = 0) {
  return (call: { readonly onResult: (result: OperationResult) => void; readonly onError: (error: Error) => void }): void => {
    if (id != null) {
      served.inSession(id, write).then(([result]) => call.onResult(result), call.onError);
      return;
    }
    const { dispatcher } = served.client;
    write(dispatcher.open(OPERATION_BYTES + bytes));
    dispatcher.commit(call);
  };
}

/** Issues one command that is answered by `done`. */
export async function done(served: ServedCall, id: RequestId, write: (encoder: RequestEncoder) => void, bytes = 0): Promise<void> {
  await resultOf('done', operationOf(served, id, write, bytes));
}

/**
 * Claims jobs, and waits for one if the options say so. When the caller is gone, the jobs that the claim brings are given back, unless it has a
 * session, in which it may repeat the call.
 */
export async function claim(served: ServedCall, id: RequestId, queue: string, options: ClaimOptions): Promise<readonly ClaimedJob[]> {
  const { leaseMs, waitMs } = options;
  const { client, signal } = served;
  if (id != null) {
    const [result] = await served.inSession(id, (encoder) => encoder.claim(queue, options), waitMs);
    if (result.ok && result.type === 'claimed') return result.jobs;
    throw unexpectedResult(result);
  }
  const { dispatcher } = client;
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
