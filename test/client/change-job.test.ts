import { describe, expect, it } from 'vitest';
import { NotSupportedError } from '../../src/client/api/not-supported.ts';
import { InvalidOptionError, JobNotFoundError, JobStateError, UnknownOptionError } from '../../src/client/errors.ts';
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
