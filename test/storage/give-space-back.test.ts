import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { NodeStorage } from '../../src/storage/port.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { appendOf, aSnapshot, DISK, entriesUpTo, JOB, KINDS, pattern, put, recordsOf } from './storage-fixtures.ts';
import { StorageFolder } from './storage-folder.ts';

const MEBIBYTE = 1024 * 1024;
const RECORDS = 24;

const folder = new StorageFolder();

const open = (): NodeStorage => openSqliteStorage({ file: folder.file, recordKinds: KINDS, durability: 'off', newDiskId: DISK });

/** Writes records of a MiB each, and then deletes this number of them. */
function fillAndEmpty(deleted: number): void {
  using storage = open();
  storage.persist({ append: appendOf(entriesUpTo(1, 4)) });
  const full = Array.from({ length: RECORDS }, (_, key) => put(JOB, key, pattern(MEBIBYTE, key)));
  storage.persist({ checkpoint: { snapshot: aSnapshot(2), changes: full } });
  const gone = Array.from({ length: deleted }, (_, key) => ({ kind: JOB, key, value: undefined }));
  storage.persist({ checkpoint: { snapshot: aSnapshot(4), changes: gone } });
}

describe('a file that is mostly free', () => {
  it('gives the space back at the next start, and keeps what is in it', () => {
    fillAndEmpty(RECORDS - 2);
    expect(statSync(folder.file).size).toBeGreaterThan(RECORDS * MEBIBYTE);
    using storage = open();
    expect(statSync(folder.file).size).toBeLessThan(4 * MEBIBYTE);
    expect(storage.load()).toMatchObject({ disk: DISK, checkpoint: { index: 4 } });
    const kept = recordsOf(storage, JOB);
    expect(kept.map(([key]) => key)).toEqual([RECORDS - 2, RECORDS - 1]);
    // toEqual takes seconds for arrays of a MiB.
    for (const [key, value] of kept) expect(Buffer.compare(value, pattern(MEBIBYTE, key)), `record ${key}`).toBe(0);
    storage.persist({ append: appendOf(entriesUpTo(5, 9)) });
    expect(storage.load().entries.at(-1)?.index).toBe(9);
  });

  it('is left as it is while more than half of it is in use', () => {
    fillAndEmpty(2);
    const { size } = statSync(folder.file);
    using _storage = open();
    expect(statSync(folder.file).size).toBe(size);
  });
});
