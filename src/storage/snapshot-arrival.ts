import type { RecordChange } from '../protocol/record.ts';
import { SnapshotDamagedError } from './errors.ts';
import type { SnapshotRecord } from './port.ts';
import type { RowChecksum } from './row-checksum.ts';

export interface ArrivalOptions {
  readonly recordKinds: readonly string[];
  /** See `kindTag`. */
  readonly tags: readonly number[];
  readonly checksum: RowChecksum;
}

/** @throws {SnapshotDamagedError} when a record differs from the one on the leader's disk. */
export function checkOnArrival(
  records: readonly (RecordChange | SnapshotRecord)[],
  { recordKinds, tags, checksum: rows }: ArrivalOptions,
): void {
  for (const record of records) {
    if (!('checksum' in record)) continue;
    const { kind, key, value, checksum } = record;
    const tag = tags[kind];
    if (tag === undefined || rows.record(tag, key, value) !== checksum) {
      throw new SnapshotDamagedError(recordKinds[kind] ?? `number ${kind}`, key);
    }
  }
}
