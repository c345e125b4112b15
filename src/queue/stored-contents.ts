import { ALONE, IN_ENTRY } from './checkpoint-layout.ts';
import { findInPack, packOf } from './content-pack.ts';
import type { Job } from './job.ts';
import { contentKey, RecordKind } from './record.ts';

/** Reads contents back from the checkpoint, and keeps the record of the last one: neighbours are mostly claimed one after the other. */
export class StoredContents {
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
    if (packPosition === ALONE) return this.#readRecord(RecordKind.content, contentKey(job.id));
    if (packPosition === IN_ENTRY) return this.#shared(RecordKind.entry, entry)?.subarray(offset, offset + length);
    const pack = this.#shared(RecordKind.content, contentKey(packOf(job)));
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
