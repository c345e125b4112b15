import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aCluster, converged, eventually } from './support.ts';

const MEBIBYTE = 1024 * 1024;
const JOB_BYTES = MEBIBYTE / 2;
const JOBS = 40;
const NODE = 2;

it('a node’s file gives the space of removed jobs back when the node is restarted', async () => {
  await using scene = await aCluster({ durability: 'off', limits: { tailEntries: 1, checkpointEntries: 10 } });
  const { cluster, queue, dataDir } = scene;
  const sizeOf = (node: number): number => statSync(join(dataDir, `node-${node}`, 'jobraft.db')).size;
  const jobs = await queue.addBulk(Array.from({ length: JOBS }, (_, at) => ({ name: 'large', data: new Uint8Array(JOB_BYTES).fill(at) })));
  const [kept, ...removed] = jobs.map(({ id }) => id);
  await Promise.all(removed.map((id) => queue.remove(id)));
  await converged(cluster);
  expect(sizeOf(NODE)).toBeGreaterThan((JOBS / 2) * JOB_BYTES);
  await eventually('the node had space to give back', async () => {
    // Each entry advances the log, and its write deletes a part of the rows that are no longer needed.
    for (let entry = 0; entry < 20; entry += 1) await queue.add('small', 'x');
    await converged(cluster);
    await cluster.restart(NODE);
    return sizeOf(NODE) < (JOBS / 4) * JOB_BYTES;
  });
  await converged(cluster);
  expect((await queue.getJob(kept ?? ''))?.data).toEqual(new Uint8Array(JOB_BYTES));
});
