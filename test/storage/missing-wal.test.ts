import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { surveyFile } from '../../src/storage/file-survey.ts';
import { type FileStorage, openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { appendOf, DISK, entriesUpTo, KINDS } from './storage-fixtures.ts';
import { StorageFolder } from './storage-folder.ts';

const folder = new StorageFolder();
const open = (life?: number): FileStorage =>
  openSqliteStorage({
    file: folder.file,
    recordKinds: KINDS,
    durability: 'full',
    newDiskId: DISK,
    ...(life === undefined ? {} : { life }),
  });
const damaged = expect.objectContaining({
  code: 'STORAGE_DAMAGED',
  message: expect.stringMatching(/was open when its process ended, and its write-ahead log .*jobraft\.db-wal is missing.*Put that back/),
});

/** The state after a killed node, and a number of earlier graceful runs. @returns the contents of its WAL. */
function killed(livesBefore: number): Buffer {
  for (let life = 1; life <= livesBefore; life += 1) open(life)[Symbol.dispose]();
  const storage = open(9);
  storage.persist({ append: appendOf(entriesUpTo(1, 5)) });
  storage.closeWithoutCheckpoint();
  return readFileSync(`${folder.file}-wal`);
}

describe('a file whose write-ahead log is missing', () => {
  it.each([0, 1])('is damaged when it was open, after %i graceful runs, until the log is back', (lives) => {
    const wal = killed(lives);
    rmSync(`${folder.file}-wal`);
    rmSync(`${folder.file}-shm`, { force: true });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(() => surveyFile(folder.file)).toThrow(damaged);
      expect(() => open(10)).toThrow(damaged);
    }
    writeFileSync(`${folder.file}-wal`, wal);
    using storage = open(10);
    expect(storage.load().entries).toHaveLength(5);
  });

  it('is never made: the log stays beside a file that is rejected', () => {
    killed(0);
    const origin = (cluster: number) => ({ origin: { cluster, founders: [{ node: 1, disk: DISK }] } });
    const openAs = (cluster: number): FileStorage =>
      openSqliteStorage({ file: folder.file, recordKinds: KINDS, durability: 'full', newDiskId: DISK, life: 10, ...origin(cluster) });
    openAs(7).closeWithoutCheckpoint();
    expect(() => openAs(8)).toThrow(expect.objectContaining({ code: 'STORAGE_FOREIGN' }));
    using storage = openAs(7);
    expect(storage.load().entries).toHaveLength(5);
  });

  it('is damaged as well when the log is empty', () => {
    killed(1);
    truncateSync(`${folder.file}-wal`, 0);
    expect(() => open(10)).toThrow(damaged);
  });

  it('is intact when it was closed gracefully, also after a kill and where the opening raises no generation', () => {
    killed(0);
    open()[Symbol.dispose]();
    open(10)[Symbol.dispose]();
    expect(existsSync(`${folder.file}-wal`)).toBe(false);
    using storage = open(11);
    expect(storage.load().entries).toHaveLength(5);
  });

  it('is distinguished from one whose start was rejected after the mark was written', () => {
    {
      using storage = open(1);
      const snapshot = { index: asIndex(1), term: asTerm(1), configuration: configurationOf({ voters: [asNodeId(1)] }) };
      const changes = [{ kind: 0, key: 1, value: new Uint8Array([1]) }];
      storage.persist({ append: appendOf(entriesUpTo(1, 5)), checkpoint: { snapshot, changes } });
    }
    const fewer = { file: folder.file, recordKinds: KINDS.slice(1), durability: 'full', newDiskId: DISK, life: 2 } as const;
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect(() => openSqliteStorage(fewer)).toThrow(expect.objectContaining({ code: 'STORAGE_SCHEMA' }));
    using storage = open(3);
    expect(storage.load().entries).toHaveLength(5);
  });
});
