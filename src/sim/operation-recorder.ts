import type { AddOptions, ClaimOptions, RequestEncoder } from '../protocol/request-encoder.ts';

/** The operations that simulated clients write. */
export type OperationWriter = Pick<
  RequestEncoder,
  'add' | 'claim' | 'markBegun' | 'extend' | 'complete' | 'fail' | 'release' | 'counts' | 'getJob' | 'retry' | 'remove' | 'releaseHolder'
>;

/** How the production client sends an operation. */
export type RecordedOperation =
  | { readonly type: 'call'; readonly write: (to: OperationWriter) => void }
  /** Repeated until it has a reply, also in another request. */
  | { readonly type: 'kept'; readonly write: (to: OperationWriter) => void; readonly endsLease: boolean }
  | { readonly type: 'waiting-claim'; readonly queue: string; readonly options: ClaimOptions };

/** Records one operation, to write it to any request, and as often as that is needed. */
export class OperationRecorder implements OperationWriter {
  #operation: RecordedOperation | undefined;

  /** The operation since the last call. */
  take(): RecordedOperation {
    const operation = this.#operation;
    if (operation === undefined) throw new Error('no operation was written');
    this.#operation = undefined;
    return operation;
  }

  add(queue: string, payload: Uint8Array, options: AddOptions): void {
    this.#call((to) => to.add(queue, payload, options));
  }

  claim(queue: string, options: ClaimOptions): void {
    if (options.waitMs > 0) this.#operation = { type: 'waiting-claim', queue, options };
    else this.#call((to) => to.claim(queue, options));
  }

  markBegun(job: number, token: number): void {
    this.#call((to) => to.markBegun(job, token));
  }

  extend(job: number, token: number, leaseMs: number): void {
    this.#keep(false, (to) => to.extend(job, token, leaseMs));
  }

  complete(job: number, token: number, result: Uint8Array): void {
    this.#keep(true, (to) => to.complete(job, token, result));
  }

  fail(job: number, token: number, reason: string, retry: boolean): void {
    this.#keep(true, (to) => to.fail(job, token, reason, retry));
  }

  release(job: number, token: number): void {
    this.#keep(true, (to) => to.release(job, token));
  }

  counts(queue: string): void {
    this.#call((to) => to.counts(queue));
  }

  getJob(job: number): void {
    this.#call((to) => to.getJob(job));
  }

  retry(queue: string, job: number): void {
    this.#call((to) => to.retry(queue, job));
  }

  remove(queue: string, job: number): void {
    this.#call((to) => to.remove(queue, job));
  }

  releaseHolder(holder: number): void {
    this.#call((to) => to.releaseHolder(holder));
  }

  #call(write: (to: OperationWriter) => void): void {
    this.#operation = { type: 'call', write };
  }

  #keep(endsLease: boolean, write: (to: OperationWriter) => void): void {
    this.#operation = { type: 'kept', write, endsLease };
  }
}
