import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileStorage, openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { aHardState, appendOf, aSnapshot, DISK, entriesUpTo, JOB, KINDS, pattern, put, recordsOf } from './storage-fixtures.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'jobraft-close-'));
  file = join(directory, 'jobraft.db');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (): FileStorage => openSqliteStorage({ file, recordKinds: KINDS, durability: 'full', newDiskId: DISK });

/** A storage with transactions in its WAL that are not yet in its file. */
function openWithWrites(): FileStorage {
  const storage = open();
  storage.load();
  storage.persist({ hardState: aHardState(4, 2), append: appendOf(entriesUpTo(1, 9, 4)) });
  storage.persist({ checkpoint: { snapshot: aSnapshot(6, 4), changes: [put(JOB, 1, pattern(50))] } });
  return storage;
}

describe('a file that is closed without a checkpoint', () => {
  it('is left as it was, its WAL included, and has all data when it is opened again', () => {
    const storage = openWithWrites();
    const before = [readFileSync(file), readFileSync(`${file}-wal`)];
    storage.closeWithoutCheckpoint();
    expect([readFileSync(file), readFileSync(`${file}-wal`)]).toEqual(before);
    using again = open();
    const { hardState, entries, checkpoint } = again.load();
    expect(hardState).toStrictEqual(aHardState(4, 2));
    expect(entries).toHaveLength(9);
    expect(checkpoint?.index).toBe(6);
    expect(recordsOf(again, JOB)).toHaveLength(1);
  });

  it('is left as it was also while its checkpoint is being read', () => {
    const storage = openWithWrites();
    const reader = storage.openCheckpointReader();
    reader.read(1);
    const before = [readFileSync(file), readFileSync(`${file}-wal`)];
    storage.closeWithoutCheckpoint();
    expect([readFileSync(file), readFileSync(`${file}-wal`)]).toEqual(before);
    open()[Symbol.dispose]();
  });

  it('is left as it was once more, and its WAL is written back when it is disposed', () => {
    openWithWrites().closeWithoutCheckpoint();
    open().closeWithoutCheckpoint();
    expect(existsSync(`${file}-wal`)).toBe(true);
    open()[Symbol.dispose]();
    expect(existsSync(`${file}-wal`)).toBe(false);
  });

  it('is closed also when it was removed meanwhile', () => {
    const storage = openWithWrites();
    rmSync(file);
    storage.closeWithoutCheckpoint();
    rmSync(`${file}-wal`, { force: true });
    rmSync(`${file}-shm`, { force: true });
    open()[Symbol.dispose]();
  });
});
