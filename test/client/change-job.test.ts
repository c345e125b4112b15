import { describe, expect, it } from 'vitest';
import { NotSupportedError } from '../../src/client/api/not-supported.ts';
import {
  InvalidOptionError,
  InvalidPayloadError,
  JobNotFoundError,
  JobStateError,
  LeaseLostError,
  UnknownOptionError,
} from '../../src/client/errors.ts';
import { PayloadTooLargeError, ProgressTooLargeError } from '../../src/client/size-errors.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();

const LONG_MS = 60_000_000;

describe('a job', () => {
  it('is served in the order of its new priority', async () => {
    const { queue, aWorker } = aSetting();
    await queue.pause();
    const jobs = [await queue.add('n', 1), await queue.add('n', 2), await queue.add('n', 3, { priority: 5 })];
    await jobs[0]?.changePriority({ priority: 7 });
    await (await queue.getJob(jobs[2]?.id ?? ''))?.changePriority({});
    expect(jobs[0]).toMatchObject({ priority: 7, opts: { priority: 7, attempts: 1 } });
    expect(await queue.getJob(jobs[2]?.id ?? '')).toMatchObject({ priority: 0 });
    await queue.resume();
    const seen: unknown[] = [];
    aWorker(({ data }) => void seen.push(data), { concurrency: 1, prefetchMax: 0 });
    await eventually(() => expect(seen).toEqual([2, 3, 1]));
  });

  it('has a new delay, and waits at once with none', async () => {
    const { queue } = aClient();
    const job = await queue.add('n', 1, { delay: LONG_MS });
    await job.changeDelay(2 * LONG_MS);
    expect(job.delay).toBe(2 * LONG_MS);
    expect(await job.getState()).toBe('delayed');
    await (await queue.getJob(job.id))?.changeDelay(0);
    expect(await job.getState()).toBe('waiting');
    await expect(job.changeDelay(5)).rejects.toBeInstanceOf(JobStateError);
    expect(job.delay).toBe(2 * LONG_MS);
  });

  it('that is gone or active cannot be changed', async () => {
    const { queue, aWorker } = aSetting();
    const gone = await queue.add('n', 1, { delay: LONG_MS, jobId: 'x' });
    await gone.remove();
    await expect(gone.changeDelay(5)).rejects.toMatchObject({ message: expect.stringContaining('no job x.') });
    await expect(gone.changePriority({ priority: 1 })).rejects.toBeInstanceOf(JobNotFoundError);
    const failures: unknown[] = [];
    aWorker(async (job) => {
      failures.push(await job.changePriority({ priority: 1 }).catch((error: unknown) => error));
    });
    await queue.add('n', 2);
    await eventually(() => expect(failures).toEqual([expect.any(JobStateError)]));
  });

  it('is not changed by what cannot work', async () => {
    const { queue } = aClient();
    const job = await queue.add('n', 1, { delay: LONG_MS });
    await expect(job.changePriority({ priority: -1 })).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(job.changePriority({ prority: 1 } as object)).rejects.toBeInstanceOf(UnknownOptionError);
    await expect(job.changePriority({ lifo: true } as object)).rejects.toBeInstanceOf(NotSupportedError);
    await expect(job.changeDelay(Number.NaN)).rejects.toBeInstanceOf(InvalidOptionError);
    await job.changePriority({ priority: 1, lifo: false });
  });
});

describe('the progress of a job', () => {
  it.each([0, 50, 'half', '', true, false, { sent: 5, of: 10 }, [1, 2]])('may be %j', async (progress) => {
    const { queue } = aClient();
    const job = await queue.add('n', 1);
    expect(job.progress).toBe(0);
    await job.updateProgress(progress);
    expect(job.progress).toEqual(progress);
    expect(await queue.getJob(job.id)).toMatchObject({ progress });
    expect((await queue.getJob(job.id))?.toJSON()).toMatchObject({ progress });
  });

  it('is set by the worker that has the job, which emits it, and comes with the next attempt', async () => {
    const { queue, aWorker } = aSetting();
    const seen: unknown[] = [];
    const worker = aWorker(async (job) => {
      seen.push(job.progress);
      await job.updateProgress(job.attemptsMade + 1);
      if (job.attemptsMade === 0) throw new Error('again');
      return 1;
    });
    const emitted: unknown[] = [];
    worker.on('progress', (job, progress) => emitted.push([job.id, progress, job.progress]));
    const { id } = await queue.add('n', 1, { attempts: 2 });
    await eventually(async () => expect(await queue.getJobState(id)).toBe('completed'));
    expect(seen).toEqual([0, 1]);
    expect(emitted).toEqual([
      [id, 1, 1],
      [id, 2, 2],
    ]);
    expect((await queue.getJob(id))?.progress).toBe(2);
  });

  it('is not set by a worker that lost its lease, also if its processor changed the token', async () => {
    const { queue, aWorker } = aSetting();
    const failures: unknown[] = [];
    aWorker(async (job) => {
      const read = await queue.getJob(job.id);
      await queue.obliterate({ force: true });
      Reflect.set(job, 'token', 0);
      failures.push(await job.updateProgress(1).catch((error: unknown) => error));
      failures.push(await read?.updateProgress(2).catch((error: unknown) => error));
    });
    await queue.add('n', 1, { jobId: 'x' });
    await eventually(() => expect(failures).toEqual([expect.any(LeaseLostError), expect.any(JobNotFoundError)]));
    expect(failures[0]).toMatchObject({ jobId: 'x', outcome: 'not-applied' });
  });

  it('is set by a queue, by any id', async () => {
    const { queue } = aClient();
    const { id } = await queue.add('n', 1, { jobId: 'x' });
    await queue.updateJobProgress(id, 7);
    expect(await queue.getJob('x')).toMatchObject({ progress: 7 });
    await expect(queue.updateJobProgress('y', 7)).rejects.toBeInstanceOf(JobNotFoundError);
  });

  it('is small, and no other value', async () => {
    const { queue } = aClient();
    const job = await queue.add('n', 1);
    await expect(job.updateProgress('x'.repeat(5_000))).rejects.toBeInstanceOf(ProgressTooLargeError);
    for (const value of [undefined, null, Number.NaN, () => 1])
      await expect(job.updateProgress(value as unknown as number)).rejects.toBeInstanceOf(InvalidOptionError);
    expect(job.progress).toBe(0);
  });
});

describe('the data of a job', () => {
  it('are replaced by its worker, and come with the next attempt', async () => {
    const { queue, aWorker } = aSetting();
    const seen: unknown[] = [];
    aWorker(async (job) => {
      seen.push([job.name, job.data]);
      await job.updateData(job.data + 1);
      seen.push(job.data);
      if (job.attemptsMade === 0) throw new Error('again');
      return 1;
    });
    const { id } = await queue.add('n', 1, { attempts: 2 });
    await eventually(async () => expect(await queue.getJobState(id)).toBe('completed'));
    expect(seen).toEqual([['n', 1], 2, ['n', 2], 3]);
    expect(await queue.getJob(id)).toMatchObject({ name: 'n', data: 3 });
  });

  it('are replaced where the job is, also several at once', async () => {
    const { queue } = aClient();
    const jobs = await queue.addBulk([1, 2, 3].map((data) => ({ name: `n${data}`, data })));
    await Promise.all(jobs.map((job) => job.updateData(job.data * 10)));
    for (const [at, { id }] of jobs.entries()) expect(await queue.getJob(id)).toMatchObject({ name: `n${at + 1}`, data: 10 * (at + 1) });
    expect(jobs[0]?.data).toBe(10);
  });

  it('are not replaced by a worker that lost its lease, nor of a job that is gone', async () => {
    const { queue, aWorker } = aSetting();
    const failures: unknown[] = [];
    aWorker(async (job) => {
      const read = await queue.getJob(job.id);
      await queue.obliterate({ force: true });
      for (const each of [job, read]) failures.push(await each?.updateData(2).catch((error: unknown) => error));
    });
    await queue.add('n', 1);
    await eventually(() => expect(failures).toEqual([expect.any(LeaseLostError), expect.any(JobNotFoundError)]));
  });

  it('are not replaced by what cannot be stored', async () => {
    const { queue, cluster } = aClient();
    const job = await queue.add('n', 1);
    await expect(job.updateData(5n as unknown as number)).rejects.toBeInstanceOf(InvalidPayloadError);
    await expect(job.updateData('x'.repeat(cluster.payloadBytesMax + 1) as unknown as number)).rejects.toBeInstanceOf(PayloadTooLargeError);
    expect(await queue.getJob(job.id)).toMatchObject({ data: 1 });
    expect(job.data).toBe(1);
  });
});
