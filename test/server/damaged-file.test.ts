import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { ByteReader } from '../../src/base/bytes.ts';
import { asNodeId } from '../../src/base/ids.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { readConfiguration } from '../../src/raft/configuration-codec.ts';
import { connect } from '../../src/remote/connect.ts';
import { Nodes } from './nodes.ts';

const WAIT_MS = 60_000;
const LISTED = [1, 2, 3];

/** Changes every page of the file but the first, which says what it is. */
function damage(dataDir: string): Buffer {
  const file = join(dataDir, 'jobraft.db');
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, 16_384), bytes.subarray(16_384).map((byte) => byte ^ 0xff)]));
  return bytes;
}

it('a damaged file is moved aside once the leader confirms that the others have everything, and its node is rebuilt', async () => {
  const nodes = await Nodes.start(3);
  await using cluster = await connect({ endpoints: nodes.endpoints });
  await using queue = new Queue('work', { connection: cluster });
  for (let n = 0; n < 10; n += 1) await queue.add('job', n);
  await nodes.node(1).close();
  damage(nodes.dataDir(1));
  const repaired = Promise.withResolvers<{ readonly damage: Error; readonly movedTo: string }>();
  await nodes.start(1, { listed: LISTED }, { onRepair: repaired.resolve, onFailure: repaired.reject });
  const { damage: reason, movedTo } = await repaired.promise;
  expect(reason).toMatchObject({ code: 'STORAGE_DAMAGED' });
  expect(existsSync(movedTo)).toBe(true);
  await vi.waitUntil(() => nodes.node(1).status()?.applied === nodes.node(2).status()?.applied, WAIT_MS);
  // It votes again, with its new disk: a majority with it, and without another node.
  const lost = JSON.parse(readFileSync(join(nodes.dataDir(1), 'node.json'), 'utf8')).disk;
  const isVoter = async (): Promise<boolean> => {
    const latest = (await cluster.log(2)).findLast(({ kind }) => kind === 'configuration');
    const { voters, outgoing, disks } = readConfiguration(new ByteReader(latest?.data ?? new Uint8Array()));
    return outgoing.length === 0 && voters.some((id) => id === 1) && disks.some(({ node, disk }) => node === asNodeId(1) && disk !== lost);
  };
  await vi.waitUntil(isVoter, WAIT_MS);
  await nodes.node(3).close();
  await queue.add('job', 10);
  expect((await queue.getJobCounts()).waiting).toBe(11);
}, 120_000);

it('a damaged file of one of two nodes stays in its place, with the reason', async () => {
  const nodes = await Nodes.start(2);
  await vi.waitUntil(() => (nodes.node(1).status()?.commit ?? 0) > 0, WAIT_MS);
  await nodes.node(1).close();
  const before = damage(nodes.dataDir(1));
  const file = join(nodes.dataDir(1), 'jobraft.db');
  const damaged = readFileSync(file);
  await expect(nodes.start(1, { listed: [1, 2] })).rejects.toMatchObject({
    code: 'STORAGE_DAMAGED',
    message: expect.stringContaining('Node 1 cannot be rebuilt: a cluster of 2 nodes has no majority without this node'),
  });
  expect(readFileSync(file)).toEqual(damaged);
  writeFileSync(file, before);
  const node = await nodes.start(1, { listed: [1, 2] });
  await vi.waitUntil(() => node.status()?.leaderId !== null, WAIT_MS);
}, 120_000);
