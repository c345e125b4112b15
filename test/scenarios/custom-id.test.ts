import { Client, type Cluster, Queue, startCluster, Worker } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aFolder, settledLeader } from './support.ts';

describe('a job with an id that its client chose', () => {
  it('is added once, by clients of their own, under another leader, and after a restart of the cluster', async () => {
    using folder = aFolder();
    const add = async (cluster: Cluster, data: number): Promise<void> => {
      await using client = new Client(cluster);
      await using queue = new Queue('work', { connection: client });
      expect((await queue.add('once', data, { jobId: 'order-17', removeOnComplete: false })).id).toBe('order-17');
    };
    {
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      await add(cluster, 1);
      const leader = await settledLeader(cluster);
      await faultsOf(cluster).kill(leader);
      await add(cluster, 2);
      await cluster.restart(leader);
    }
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    await add(cluster, 3);
    await using queue = new Queue('work', { connection: cluster });
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 1, completed: 0 });
    await using worker = new Worker('work', ({ id, data }) => [id, data], { connection: cluster });
    const [job, result] = await new Promise<readonly unknown[]>((resolve) => worker.once('completed', (...args) => resolve(args)));
    expect([job, result]).toEqual([expect.objectContaining({ id: 'order-17' }), ['order-17', 1]]);
    await add(cluster, 4);
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, active: 0, completed: 1 });
    expect(await queue.clean(0, 0)).toEqual(['order-17']);
    await worker.pause();
    await add(cluster, 5);
    expect(await queue.getJob('order-17')).toMatchObject({ state: 'waiting', data: 5 });
  });
});
