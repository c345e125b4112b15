import { describe, expect, it } from 'vitest';
import { NotSupportedError } from '../../src/client/api/not-supported.ts';
import type { CleanedState } from '../../src/client/api/queue.ts';
import { ClientClosedError, InvalidOptionError, JobNotFoundError, JobStateError, UnknownOptionError } from '../../src/client/errors.ts';
import { UnrecoverableError } from '../../src/client/worker/worker.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();

const LONG_MS = 60_000_000;

/** Jobs 1 to 3 wait, 4 and 5 are delayed. */
async function aQueueOfFive() {
  const setting = aClient();
  const { queue } = setting;
  for (let n = 1; n <= 3; n += 1) await queue.add('n', n);
  for (let n = 4; n <= 5; n += 1) await queue.add('n', n, { delay: LONG_MS });
  return setting;
}

/** Jobs whose data are odd are completed, the others fail. */
async function aFinishedQueue(jobs: number) {
  const setting = aSetting();
  const { queue, aWorker } = setting;
  for (let n = 1; n <= jobs; n += 1) await queue.add('n', n, { removeOnComplete: false });
  const worker = aWorker(({ data }) => {
    if (data % 2 === 0) throw new UnrecoverableError('even');
    return data;
  });
  await eventually(async () => expect((await queue.getJobCounts()).waiting + (await queue.getActiveCount())).toBe(0));
  await worker.close();
  return setting;
}

describe('drain', () => {
  it('removes the jobs that wait, and those that are delayed only if asked to', async () => {
    const { queue } = await aQueueOfFive();
    await queue.drain();
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 2 });
    await queue.drain(true);
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 0 });
    await queue.drain(true);
  });

  it('leaves active and finished jobs', async () => {
    const { queue, aWorker } = aSetting();
    await queue.add('n', 1, { removeOnComplete: false });
    const worker = aWorker(() => 1);
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(1));
    await worker.close();
    await queue.drain(true);
    expect(await queue.getCompletedCount()).toBe(1);
  });

  it('removes jobs whose delay ends while it is drained', async () => {
    const { cluster, queue } = aClient();
    cluster.stopClock();
    await queue.add('n', 1, { delay: 1_000 });
    await queue.add('n', 2);
    // Once the first jobs are removed.
    cluster.afterTurn = () => cluster.advance(1_000);
    await queue.drain(true);
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 0 });
  });

  it('removes a job that was added just before, although the clock of the cluster has not moved', async () => {
    const { cluster, queue } = aClient();
    cluster.stopClock();
    await queue.add('n', 1);
    await queue.drain();
    expect(await queue.getWaitingCount()).toBe(0);
  });

  it('removes many in several requests', async () => {
    const { cluster, queue } = aClient();
    await queue.addBulk(Array.from({ length: 2_300 }, (_, n) => ({ name: 'n', data: n })));
    cluster.requests.length = 0;
    await queue.drain();
    expect(cluster.requests.map(({ operations }) => operations)).toEqual([1_000, 1_000, 300]);
    expect(await queue.getWaitingCount()).toBe(0);
  });
});

describe('clean', () => {
  it('removes the jobs of one state, the oldest first, at most so many', async () => {
    const { queue } = await aFinishedQueue(6);
    expect(await queue.clean(0, 2)).toEqual(['1', '3']);
    expect(await queue.clean(0, 0, 'failed')).toEqual(['2', '4', '6']);
    expect(await queue.getJobCounts()).toMatchObject({ completed: 1, failed: 0 });
    expect(await queue.clean(0, 5)).toEqual(['5']);
    expect(await queue.clean(0, 5)).toEqual([]);
  });

  it('leaves those that are younger than the grace period', async () => {
    const { queue } = await aFinishedQueue(2);
    expect(await queue.clean(LONG_MS, 0)).toEqual([]);
    expect(await queue.clean(LONG_MS, 0, 'failed')).toEqual([]);
    expect(await queue.getJobCounts()).toMatchObject({ completed: 1, failed: 1 });
  });

  it('looks at a bounded number of finished jobs that are all too young, however many there are', async () => {
    const { cluster, queue, aWorker } = aSetting();
    await queue.addBulk(Array.from({ length: 2_100 }, (_, n) => ({ name: 'n', data: n, opts: { removeOnComplete: false } })));
    const worker = aWorker(() => 1, { concurrency: 500 });
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(2_100));
    await worker.close();
    cluster.requests.length = 0;
    cluster.queries.length = 0;
    expect(await queue.clean(LONG_MS, 0)).toEqual([]);
    expect(cluster.requests).toEqual([]);
    expect(cluster.queries.map(({ operations }) => operations).filter((operations) => operations > 1)).toEqual([1_000]);
    cluster.queries.length = 0;
    expect(await queue.clean(LONG_MS, 300)).toEqual([]);
    expect(cluster.requests).toEqual([]);
    expect(cluster.queries.map(({ operations }) => operations).filter((operations) => operations > 1)).toEqual([300, 300, 300, 300]);
    expect(await queue.clean(0, 1_500)).toHaveLength(1_500);
    expect(await queue.clean(0, 0)).toHaveLength(600);
  });

  it('writes nothing for jobs that are too young, also when they wait', async () => {
    const { cluster, queue } = await aQueueOfFive();
    cluster.requests.length = 0;
    expect(await queue.clean(LONG_MS, 1, 'wait')).toEqual([]);
    expect(await queue.clean(LONG_MS, 1, 'delayed')).toEqual([]);
    expect(cluster.requests).toEqual([]);
  });

  it('leaves it to the cluster whether a job is old enough, which a clock that is a little behind would not see', async () => {
    const { cluster, queue } = aClient();
    cluster.stopClock();
    await queue.add('n', 1);
    cluster.advance(1_000);
    expect(await queue.clean(1_001, 0, 'wait')).toEqual([]);
    expect(await queue.clean(1_000, 0, 'wait')).toEqual(['1']);
  });

  it('knows waiting jobs by both names, and delayed ones', async () => {
    const { queue } = await aQueueOfFive();
    expect(await queue.clean(0, 1, 'wait')).toEqual(['1']);
    expect(await queue.clean(0, 0, 'waiting')).toEqual(['2', '3']);
    expect(await queue.clean(0, 0, 'delayed')).toHaveLength(2);
  });

  it('rejects what it does not know, and sends nothing', async () => {
    const { cluster, queue } = await aQueueOfFive();
    cluster.requests.length = 0;
    cluster.queries.length = 0;
    for (const [grace, limit, state] of [
      [-1, 0],
      [Number.NaN, 0],
      ['5', 0],
      [0, -1],
      [0, 1.5],
      [0, 0, 'active'],
      [0, 0, 'prioritized'],
      [0, 0, 5],
    ])
      await expect(queue.clean(grace as number, limit as number, state as CleanedState)).rejects.toBeInstanceOf(InvalidOptionError);
    expect([cluster.requests, cluster.queries]).toEqual([[], []]);
  });
});

describe('obliterate', () => {
  it('removes every job of the queue, which can be used afterwards', async () => {
    const { queue, aWorker } = await aFinishedQueue(4);
    await queue.add('n', 9, { delay: LONG_MS });
    await queue.add('n', 10);
    await queue.obliterate();
    expect(await queue.getJobCounts()).toEqual({ delayed: 0, waiting: 0, active: 0, completed: 0, failed: 0, 'waiting-children': 0 });
    expect(await queue.isPaused()).toBe(false);
    await queue.add('n', 11);
    aWorker(() => 1);
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(1));
  });

  it('removes jobs whose delay ends meanwhile', async () => {
    const { cluster, queue } = aClient();
    cluster.stopClock();
    await queue.add('n', 1, { delay: 1_000 });
    await queue.add('n', 2);
    // Once the first jobs are removed.
    cluster.afterTurn = () => {
      const { waiting, delayed } = cluster.machine.counts('numbers');
      if (waiting + delayed < 2) cluster.advance(1_000);
    };
    await queue.obliterate({ count: 1 });
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, delayed: 0 });
  });

  it('is rejected while workers have jobs, and changes nothing', async () => {
    const { queue, aWorker } = aSetting();
    await queue.add('n', 1);
    aWorker(async (_job, _token, signal) => await new Promise((resolve) => signal?.addEventListener('abort', resolve)));
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    await queue.add('n', 2, { delay: LONG_MS });
    await expect(queue.obliterate()).rejects.toBeInstanceOf(JobStateError);
    expect(await queue.getJobCounts()).toMatchObject({ active: 1, delayed: 1 });
    expect(await queue.isPaused()).toBe(false);
    await queue.pause();
    await expect(queue.obliterate()).rejects.toBeInstanceOf(JobStateError);
    expect(await queue.isPaused()).toBe(true);
  });

  it('takes the jobs of workers, too, if it is forced', async () => {
    const { queue, aWorker } = aSetting();
    await queue.add('n', 1);
    aWorker(async (_job, _token, signal) => await new Promise((resolve) => signal?.addEventListener('abort', resolve)));
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    await queue.obliterate({ force: true });
    expect(await queue.getJobCounts()).toMatchObject({ active: 0, waiting: 0 });
  });

  it('rejects an unknown option before it pauses the queue', async () => {
    const { queue } = await aQueueOfFive();
    await expect(queue.obliterate({ forced: true } as never)).rejects.toBeInstanceOf(UnknownOptionError);
    expect(await queue.isPaused()).toBe(false);
  });
});

describe('promoting', () => {
  it('makes one delayed job wait now', async () => {
    const { queue } = await aQueueOfFive();
    const job = await queue.getJob('5');
    await job?.promote();
    expect(await queue.getJobState('5')).toBe('waiting');
    await expect(job?.promote()).rejects.toBeInstanceOf(JobStateError);
    await queue.remove('5');
    await expect(job?.promote()).rejects.toBeInstanceOf(JobNotFoundError);
  });

  it('makes all of them wait', async () => {
    const { queue } = await aQueueOfFive();
    await queue.promoteJobs();
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 5, delayed: 0 });
    await queue.promoteJobs({ count: 10 });
    await expect(queue.promoteJobs({ count: 0 })).rejects.toBeInstanceOf(InvalidOptionError);
  });
});

describe('retryJobs', () => {
  it('makes all failed jobs wait again, also in small requests', async () => {
    const { queue } = await aFinishedQueue(7);
    await queue.retryJobs({ count: 2 });
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 3, failed: 0, completed: 4 });
  });

  it('retries only those that failed until a time', async () => {
    const { queue } = await aFinishedQueue(2);
    await queue.retryJobs({ timestamp: 1 });
    expect(await queue.getJobCounts()).toMatchObject({ failed: 1 });
    await queue.retryJobs({ timestamp: Date.now() + LONG_MS });
    expect(await queue.getJobCounts()).toMatchObject({ failed: 0, waiting: 1 });
  });

  it('does not retry what is completed', async () => {
    const { queue } = await aFinishedQueue(1);
    await expect(queue.retryJobs({ state: 'completed' } as never)).rejects.toBeInstanceOf(NotSupportedError);
  });

  it('is rejected when its queue is closed', async () => {
    const { queue } = await aQueueOfFive();
    await queue.close();
    await expect(queue.retryJobs()).rejects.toBeInstanceOf(ClientClosedError);
  });
});
