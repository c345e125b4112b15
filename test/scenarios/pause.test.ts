import { Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { aFolder } from './support.ts';

describe('a queue that is paused', () => {
  it('hands out no job, also after a restart of the cluster, until it is resumed', async () => {
    using folder = aFolder();
    {
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      await using queue = new Queue('work', { connection: cluster });
      expect(await queue.isPaused()).toBe(false);
      await queue.pause();
      await queue.add('first', {});
      expect(await queue.isPaused()).toBe(true);
    }
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    await using queue = new Queue('work', { connection: cluster });
    await using other = new Queue('other', { connection: cluster });
    const done: string[] = [];
    const processor = async ({ name }: { readonly name: string }): Promise<void> => void done.push(name);
    await using worker = new Worker('work', processor, { connection: cluster });
    await using others = new Worker('other', processor, { connection: cluster });
    await queue.add('second', {});
    // Claimed later than the others: a claim of the paused queue that found a job would have been served before.
    const served = new Promise((resolve) => others.once('completed', resolve));
    await other.add('elsewhere', {});
    await served;
    expect([await queue.isPaused(), await other.isPaused()]).toEqual([true, false]);
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 2, active: 0 });
    expect(done).toEqual(['elsewhere']);
    const both = new Promise<void>((resolve) => worker.on('completed', () => done.length === 3 && resolve()));
    await queue.resume();
    await both;
    expect(done).toEqual(['elsewhere', 'first', 'second']);
    expect(await queue.isPaused({ consistency: 'stale' })).toBe(false);
  });
});
