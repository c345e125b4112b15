import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EncryptionKeys, newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { describeSnapshots } from './snapshot-conformance.ts';
import { describeNodeStorage } from './storage-conformance.ts';
import { DISK, KINDS, type TestDisk } from './storage-fixtures.ts';

function sqliteDisk(durability: 'full' | 'off', keys?: EncryptionKeys): TestDisk {
  const directory = mkdtempSync(join(tmpdir(), 'jobraft-storage-'));
  return {
    open: () => openSqliteStorage({ file: join(directory, 'node-1', 'jobraft.db'), recordKinds: KINDS, durability, newDiskId: DISK, keys }),
    discard: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function memoryDisk(): TestDisk {
  const disk = new MemoryDisk(DISK);
  return { open: () => openMemoryStorage({ disk, recordKinds: KINDS }), discard: () => disk.crash() };
}

const DISKS: readonly [string, () => TestDisk][] = [
  ['SQLite', () => sqliteDisk('full')],
  ['SQLite without fsync', () => sqliteDisk('off')],
  ['encrypted SQLite', () => sqliteDisk('off', [newEncryptionKey()])],
  ['memory', memoryDisk],
];
for (const [name, makeDisk] of DISKS) {
  describeNodeStorage(name, makeDisk);
  describeSnapshots(name, makeDisk);
}
