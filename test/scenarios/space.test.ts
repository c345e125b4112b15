import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aCluster, converged, eventually } from './support.ts';

/** So small beside its entry that the checkpoint has it in a record. The entries are in segments. */
const JOB_BYTES = 4 * 1024;
const JOBS = 5120;
const NODE = 2;

it('a node’s file gives the space of removed jobs back when the node is restarted', async () => {
  await using scene = await aCluster({ durability: 'off', limits: { tailEntries: 1, checkpointEntries: 10 } });
  const { cluster, queue, dataDir } = scene;
  const folder = join(dataDir, `node-${NODE}`);
  const size = (): number =>
    readdirSync(folder)
      .filter((name) => name === 'jobraft.db' || name.includes('-segment-'))
      .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  const jobs = await queue.addBulk(Array.from({ length: JOBS }, (_, at) => ({ name: 'large', data: new Uint8Array(JOB_BYTES).fill(at) })));
  const [kept, ...removed] = jobs.map(({ id }) => id);
  await Promise.all(removed.map((id) => queue.remove(id)));
  await converged(cluster);
  expect(size()).toBeGreaterThan((JOBS / 2) * JOB_BYTES);
  await eventually('the node had space to give back', async () => {
    // Each entry advances the log, and its write deletes a part of the rows that are no longer needed.
    for (let entry = 0; entry < 20; entry += 1) await queue.add('small', 'x');
    await converged(cluster);
    await cluster.restart(NODE);
    return size() < (JOBS / 4) * JOB_BYTES;
  });
  await converged(cluster);
  expect((await queue.getJob(kept ?? ''))?.data).toEqual(new Uint8Array(JOB_BYTES));
});
