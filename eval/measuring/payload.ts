import { SeededRandom } from '../../src/base/random.ts';

const SEQUENCE_BYTES = 4;

/**
 * Creates and recognises payloads: the message's number in four bytes, then a filling that is the same for the whole run.
 * The filling is random, so that compression has no effect, and it is compared on arrival.
 */
export class PayloadCodec {
  readonly #template: Uint8Array;

  /** @param payloadBytes at least 4, for the number. */
  constructor(payloadBytes: number, seed: number) {
    const random = new SeededRandom(seed);
    this.#template = new Uint8Array(payloadBytes);
    for (let at = SEQUENCE_BYTES; at < payloadBytes; at += 1) this.#template[at] = random.nextUint32() & 0xff;
  }

  encode(sequence: number): Uint8Array {
    const payload = this.#template.slice();
    viewOf(payload).setUint32(0, sequence);
    return payload;
  }

  /** @returns the message's number, or `undefined` when these bytes were not sent. */
  decode(payload: Uint8Array): number | undefined {
    if (payload.byteLength !== this.#template.byteLength) return undefined;
    if (Buffer.compare(payload.subarray(SEQUENCE_BYTES), this.#template.subarray(SEQUENCE_BYTES)) !== 0) return undefined;
    return viewOf(payload).getUint32(0);
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
