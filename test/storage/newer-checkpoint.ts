import { RECORD_KINDS, RecordKind } from '../../src/queue/record.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';

/** Sets the first byte of a node's checkpoint, its format, as another release would write it. @returns the byte before. */
export function setCheckpointFormat(file: string, format: number): number {
  using storage = openSqliteStorage({
    file,
    recordKinds: RECORD_KINDS,
    entryKind: RECORD_KINDS[RecordKind.entry],
    durability: 'full',
    newDiskId: 1,
  });
  const { checkpoint: snapshot } = storage.load();
  const value = storage.readRecord(RecordKind.machine, 0);
  if (snapshot === undefined || value === undefined) throw new Error(`${file} has no checkpoint.`);
  const changed = Uint8Array.from(value);
  changed[0] = format;
  storage.persist({ checkpoint: { snapshot, changes: [{ kind: RecordKind.machine, key: 0, value: changed }] } });
  return value[0] as number;
}
