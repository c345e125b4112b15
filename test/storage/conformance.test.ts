import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { describeNodeStorage, type TestDisk } from './storage-conformance.ts';
import { DISK, KINDS } from './storage-fixtures.ts';

function sqliteDisk(durability: 'full' | 'off'): TestDisk {
  const directory = mkdtempSync(join(tmpdir(), 'jobraft-storage-'));
  return {
    open: () => openSqliteStorage({ file: join(directory, 'node-1', 'jobraft.db'), recordKinds: KINDS, durability, newDiskId: DISK }),
    discard: () => rmSync(directory, { recursive: true, force: true }),
  };
}

describeNodeStorage('SQLite', () => sqliteDisk('full'));
describeNodeStorage('SQLite without fsync', () => sqliteDisk('off'));
describeNodeStorage('memory', () => {
  const disk = new MemoryDisk(undefined, DISK);
  return { open: () => openMemoryStorage({ disk, recordKinds: KINDS }), discard: () => disk.crash() };
});
