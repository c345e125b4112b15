import { Client, type Job, openCluster, Queue, startCluster, UnrecoverableError, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { SharedProcess } from './shared-process.ts';
import { aCluster, aFolder, clientOf, eventually } from './support.ts';

const namesOf = (jobs: readonly Job[]): string[] => jobs.map(({ name }) => name);

describe('listing', () => {
  it('has the jobs of each state in its order, through a restart of the cluster', async () => {
    using folder = aFolder();
    {
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      await using queue = new Queue('work', { connection: cluster });
      await queue.add('fails', {}, { priority: 1 });
      await queue.add('is done', {}, { priority: 2 });
      const worker = new Worker(
        'work',
        async ({ name }) => {
          if (name === 'fails') throw new Error('no luck');
        },
        { connection: cluster },
      );
      await eventually('both jobs are finished', async () => {
        const { completed, failed } = await queue.getJobCounts();
        return completed + failed === 2;
      });
      await worker.close();
      await queue.add('second', {});
      await queue.add('third', {}, { priority: 1 });
      await queue.add('first', {}, { lifo: true });
      await queue.add('much later', {}, { delay: 7_200_000 });
      await queue.add('later', {}, { delay: 3_600_000 });
    }
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    await using queue = new Queue('work', { connection: cluster });
    expect(namesOf(await queue.getWaiting())).toEqual(['first', 'second', 'third']);
    expect(namesOf(await queue.getDelayed())).toEqual(['later', 'much later']);
    expect(namesOf(await queue.getJobs(['completed', 'failed']))).toEqual(['is done', 'fails']);
    expect((await queue.getFailed()).map(({ failedReason }) => failedReason)).toEqual(['no luck']);
    expect(namesOf(await queue.getJobs('waiting', { start: 0, end: 0 }))).toEqual(['third']);
    expect(await queue.getActive()).toEqual([]);
  });

  it('reads many jobs from any node, page by page, and the names of the queues', async () => {
    await using scene = await aCluster();
    const { cluster, client, queue } = scene;
    const added = await queue.addBulk(Array.from({ length: 6_000 }, (_, n) => ({ name: `${n}`, data: n })));
    const ids = added.map(({ id }) => id);
    for (const node of cluster.nodeIds()) {
      await using oneNode = clientOf(cluster, node);
      await using reader = new Queue('work', { connection: oneNode });
      const listed = await reader.getJobs('waiting', { asc: true });
      expect(listed.map(({ id }) => id)).toEqual(ids);
      expect(await oneNode.queues()).toEqual(['work']);
      const last = await eventually('the node has applied the last add', async () => {
        const [job] = await reader.getJobs('waiting', { end: 0, consistency: 'stale' });
        return job?.id === ids.at(-1) ? job : undefined;
      });
      expect(last.data).toBe(5_999);
    }
    await using other = new Queue('another', { connection: client });
    await other.pause();
    expect(await client.queues()).toEqual(['work', 'another']);
  });

  it('is the same in each process that shares a cluster, also after the one that hosts the nodes is killed', async () => {
    using folder = aFolder();
    await using host = await SharedProcess.opened(folder.path);
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    expect(cluster.isHost).toBe(false);
    await using client = new Client(cluster);
    await using queue = new Queue('work', { connection: client });
    const fail = () => Promise.reject(new UnrecoverableError('no luck'));
    await queue.add('fails', {});
    const worker = new Worker('work', fail, { connection: client });
    await eventually('the job has failed', async () => (await queue.getFailedCount()) === 1);
    await worker.close();
    const { ids } = await host.call('add', { count: 5 });
    const list = async () => {
      const jobs = await queue.getJobs(['failed', 'waiting'], { asc: true });
      return [await client.queues(), jobs.map(({ id, failedReason }) => [id, failedReason])];
    };
    const listed = await list();
    expect(listed).toEqual([['work'], [['1', 'no luck'], ...(ids ?? []).map((id) => [id, undefined])]]);
    await host.kill();
    expect(await list()).toEqual(listed);
    expect(cluster.isHost).toBe(true);
  });
});
