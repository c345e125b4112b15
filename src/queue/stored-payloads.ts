import { invariant } from '../base/invariant.ts';
import { ALONE, IN_ENTRY, REPLACED } from './checkpoint-layout.ts';
import type { Job } from './job.ts';
import { findInPack, packOf } from './payload-pack.ts';
import { payloadKey, RecordKind, replacedKey } from './record.ts';

/** Reads payloads back from the checkpoint, and keeps the last record: neighbours are mostly claimed in a row. */
export class StoredPayloads {
  readonly #readRecord: (kind: number, key: number) => Uint8Array | undefined;
  #kind = -1;
  #key = 0;
  #record: Uint8Array | undefined;

  constructor(readRecord: (kind: number, key: number) => Uint8Array | undefined) {
    this.#readRecord = readRecord;
  }

  /** @returns undefined when there is no such record, or the job is not in it. */
  of(job: Job): Uint8Array | undefined {
    const { packPosition, entry, offset, length } = job;
    if (packPosition === ALONE) return this.#readRecord(RecordKind.content, payloadKey(job.id));
    if (packPosition === REPLACED) return this.#readRecord(RecordKind.changed, replacedKey(job.id));
    if (packPosition === IN_ENTRY) return this.#shared(RecordKind.entry, entry)?.subarray(offset, offset + length);
    const pack = this.#shared(RecordKind.content, payloadKey(packOf(job)));
    return pack === undefined ? undefined : findInPack(pack, packPosition);
  }

  #shared(kind: number, key: number): Uint8Array | undefined {
    if (this.#kind !== kind || this.#key !== key) {
      this.#record = this.#readRecord(kind, key);
      this.#kind = kind;
      this.#key = key;
    }
    return this.#record;
  }
}

/** Bytes read back from the checkpoint must have the length that was written; otherwise the node must stop. */
export function checkStored(bytes: Uint8Array | undefined, length: number, what: () => string): Uint8Array {
  invariant(bytes?.length === length, () => `${what()} has ${bytes?.length ?? 'no'} bytes in the checkpoint, and had ${length}`);
  return bytes as Uint8Array;
}
