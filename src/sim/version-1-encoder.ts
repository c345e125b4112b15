import { ByteWriter } from '../base/bytes.ts';
import { type ClaimOptions, OperationCode, RequestEncoder } from '../protocol/request-encoder.ts';

/** Where a request counts its operations. */
const COUNT_AT = 24;

/**
 * Writes requests as clients of state-machine version 1 did. An operation whose layout has changed since then is the only one of its
 * request.
 */
export class Version1Encoder extends RequestEncoder {
  readonly #alone = new ByteWriter(256);

  override begin(client: number, sequence: number, acknowledgedBelow: number): void {
    super.begin(client, sequence, acknowledgedBelow);
    this.#alone.reset();
  }

  override claim(queue: string, { countMax, leaseMs, waitMs }: ClaimOptions): void {
    this.#alone.u8(OperationCode.useQueue);
    this.#alone.text(queue);
    this.#alone.u8(OperationCode.claim1);
    this.#alone.u32(countMax);
    this.#alone.f64(leaseMs);
    this.#alone.f64(waitMs);
  }

  /** Version 1 does not check the job's queue. */
  override retry(_queue: string, jobId: number): void {
    this.#alone.u8(OperationCode.retry1);
    this.#alone.f64(jobId);
  }

  /** Version 1 does not check the job's queue. */
  override remove(_queue: string, jobId: number): void {
    this.#alone.u8(OperationCode.remove1);
    this.#alone.f64(jobId);
  }

  override finish(): Uint8Array {
    const request = super.finish();
    if (this.#alone.length === 0) return request;
    const to = new ByteWriter(request.length + this.#alone.length);
    to.raw(request);
    to.raw(this.#alone.view());
    to.patchU32(COUNT_AT, 1);
    return to.copy();
  }
}
