import { Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';

describe('a queue with many jobs', () => {
  it('is drained and obliterated in several requests, while a worker is paused', async () => {
    await using cluster = await startCluster({ nodes: 3, storage: 'memory' });
    await using queue = new Queue<number>('work', { connection: cluster });
    await using worker = new Worker<number>('work', () => undefined, { connection: cluster });
    await worker.waitUntilReady();
    await worker.pause();
    const jobs = Array.from({ length: 2_500 }, (_, data) => ({ name: 'job', data, opts: data % 2 === 0 ? {} : { delay: 3_600_000 } }));
    await queue.addBulk(jobs);
    await queue.drain();
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 1_250, completed: 0 });
    await queue.promoteJobs();
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 1_250, delayed: 0 });
    worker.resume();
    const drained = new Promise((resolve) => worker.once('drained', () => resolve(undefined)));
    await drained;
    await worker.pause();
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, active: 0, completed: 1_000 });
    await queue.obliterate();
    expect(await queue.getJobCounts()).toEqual({ waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0, 'waiting-children': 0 });
  });
});
