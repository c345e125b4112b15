import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { lineOf, newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import { connect } from '../../src/remote/connect.ts';
import { ForcedCluster } from '../../src/server/forced-cluster.ts';
import { startNode } from '../../src/server/start-node.ts';
import { Nodes } from './nodes.ts';

const SECRET = 'a-payload-that-no-file-may-show';
const keyMissing = { code: 'STORAGE_KEY_MISSING' };

it('a node that is a process encrypts its file, and does not start without its key', async () => {
  const [key, other] = [newEncryptionKey(), newEncryptionKey()];
  const nodes = await Nodes.start(1, 1, { encryption: { key: lineOf(key) } });
  {
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', SECRET);
  }
  expect(await nodes.node(1).metrics.register.metrics()).toContain(`jobraft_encryption_key{node="1",key="${key.id}"} 1`);
  await nodes.node(1).close();
  const files = readdirSync(nodes.dataDir(1)).map((name) => join(nodes.dataDir(1), name));
  expect(files.filter((path) => readFileSync(path).includes(SECRET))).toEqual([]);

  const options = { id: 1, cluster: 'nodes', nodes: nodes.addresses, dataDir: nodes.dataDir(1) };
  await expect(startNode(options)).rejects.toMatchObject(keyMissing);
  await expect(startNode({ ...options, encryption: { key: lineOf(other) } })).rejects.toMatchObject(keyMissing);
  await expect(startNode({ ...options, encryption: { key: 'hush' } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.not.stringContaining('hush'),
  });
  expect(() => ForcedCluster.open(options)).toThrow(expect.objectContaining(keyMissing));
  // Its file was read: the only voter needs no other node.
  expect(() => ForcedCluster.open({ ...options, encryption: { key: lineOf(key) } })).toThrow(/is the only voter/);
  await nodes.start(1);
  await using cluster = await connect({ endpoints: nodes.endpoints });
  await using queue = new Queue('work', { connection: cluster });
  expect((await queue.getWaiting()).map(({ data }) => data)).toEqual([SECRET]);
});
