import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type BackupContents, writeContents } from '../../src/backup/backup-contents.ts';
import { asIndex } from '../../src/base/ids.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { appendOf, DISK, entriesUpTo } from '../storage/storage-fixtures.ts';

it('is given up while its sink waits, once it may not go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-contents-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'jobraft.db');
  using storage = openSqliteStorage({ file, recordKinds: RECORD_KINDS, durability: 'off', newDiskId: DISK });
  storage.persist({ append: appendOf(entriesUpTo(1, 3)) });
  const waiting = Promise.withResolvers<void>();
  let isClosed = false;
  const sink = {
    write: (): Promise<void> => {
      isClosed = true;
      return waiting.promise;
    },
    abort: (error: Error) => waiting.reject(error),
  };
  const leader = { commit: asIndex(3), term: 1, voters: [1] } as unknown as BackupContents['leader'];
  const contents = { file, keys: undefined, clusterId: 7, leader, chunkBytes: 1_000, isClosed: () => isClosed };
  await expect(writeContents(sink, contents)).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
});
