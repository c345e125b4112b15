import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import { startCluster } from '../../src/cluster/cluster.ts';
import { nodeFile } from '../../src/cluster/node-file.ts';
import { takeBackup } from '../../src/cluster/take-backup.ts';

vi.mock('../../src/cluster/node-code.ts', async (importOriginal) => ({
  ...(await importOriginal<typeof import('../../src/cluster/node-code.ts')>()),
  nodeThreadCode: () => ({ code: new URL('../../dist/src/cluster/node-worker.js', import.meta.url), isSource: false }),
}));

it('ends, and leaves nothing, when the log of the node grows beyond a bound while it runs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-backup-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const dataDir = join(folder, 'data');
  await using cluster = await startCluster({ nodes: 1, dataDir });
  await using client = new Client(cluster);
  const wal = `${nodeFile(dataDir, 1)}-wal`;
  const source = {
    ...{ dataDir, clusterId: cluster.id, client, statuses: async () => [await cluster.status(1)] },
    // Asked before each part. SQLite overwrites what is behind the last frame.
    isClosed: () => {
      appendFileSync(wal, Buffer.alloc(1_000));
      return false;
    },
  };
  const file = join(folder, 'jobs.backup');
  await expect(takeBackup(file, source, 900)).rejects.toMatchObject({
    code: 'BACKUP_FAILED',
    message: expect.stringMatching(/-wal and the segments of the file have grown to \d+ bytes while it was read\. Write the backup/),
  });
  expect(readdirSync(folder)).toEqual(['data']);
  expect(await takeBackup(file, source, 1_000_000)).toMatchObject({ path: file, node: 1 });
});
