import { describe, expect, it } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { InvalidOptionError, JobNotFoundError, type LeaseLostError, UnknownOptionError } from '../../src/client/errors.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aGate, aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();

describe('the option jobId', () => {
  it('is the id of the job, for its producer, its worker and its readers', async () => {
    const { queue, aWorker } = aSetting();
    const added = await queue.add('n', 1, { jobId: 'order-17', removeOnComplete: false });
    expect([added.id, added.opts.jobId]).toEqual(['order-17', 'order-17']);
    const seen: string[] = [];
    aWorker(({ id }) => void seen.push(id));
    await eventually(async () => expect(await queue.getJobState('order-17')).toBe('completed'));
    expect(seen).toEqual(['order-17']);
    expect(await queue.getJob('order-17')).toMatchObject({ id: 'order-17', data: 1, state: 'completed' });
    expect((await queue.getCompleted()).map(({ id }) => id)).toEqual(['order-17']);
  });

  it('is the id of a job that was read, whose options do not have it', async () => {
    const { queue } = aClient();
    await queue.add('n', 1, { jobId: 'x' });
    const job = await queue.getJob('x');
    expect(() => job?.opts.jobId).toThrow('Use job.id');
  });

  it('adds a job once, also in bulk', async () => {
    const { queue } = aClient();
    await queue.add('n', 1, { jobId: 'x' });
    expect((await queue.add('n', 2, { jobId: 'x' })).id).toBe('x');
    const jobs = await queue.addBulk([1, 2, 3].map((data) => ({ name: 'n', data, opts: { jobId: data === 3 ? 'y' : 'x' } })));
    expect(jobs.map(({ id }) => id)).toEqual(['x', 'x', 'y']);
    expect(await queue.getWaitingCount()).toBe(2);
    expect((await queue.getJob('x'))?.data).toBe(1);
  });

  it('names a job to be removed, retried or promoted', async () => {
    const { queue } = aClient();
    await queue.add('n', 1, { jobId: 'x', delay: 60_000_000 });
    const job = await queue.getJob('x');
    await job?.promote();
    expect(await queue.getJobState('x')).toBe('waiting');
    expect(await queue.remove('x')).toBe(1);
    expect(await queue.getJob('x')).toBeUndefined();
    expect(await queue.getJobState('x')).toBe('unknown');
    await expect(queue.remove('x')).rejects.toBeInstanceOf(JobNotFoundError);
    for (const call of [() => job?.promote(), () => job?.retry(), () => job?.remove()])
      await expect(call()).rejects.toMatchObject({
        code: 'JOB_NOT_FOUND',
        jobId: 'x',
        message: expect.stringContaining('There is no job x.'),
      });
    expect((await queue.add('n', 2, { jobId: 'x' })).id).toBe('x');
  });

  it('names a job whose lease is lost', async () => {
    const { queue, aWorker } = aSetting();
    const { opened, open } = aGate();
    const worker = aWorker(async () => await opened);
    const stalled = new Promise<LeaseLostError>((resolve) => worker.on('stalled', (_job, error) => resolve(error)));
    await queue.add('n', 1, { jobId: 'x' });
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    await queue.obliterate({ force: true });
    open();
    expect(await stalled).toMatchObject({ code: 'LEASE_LOST', jobId: 'x' });
  });

  it('names the jobs that are cleaned', async () => {
    const { queue } = aClient();
    await queue.add('n', 1, { jobId: 'x' });
    await queue.add('n', 2);
    await queue.add('n', 3, { jobId: 'y' });
    expect(await queue.clean(0, 2, 'wait')).toEqual(['x', '2']);
    expect(await queue.clean(0, 0, 'wait')).toEqual(['y']);
  });

  it.each(['x', '1.5', '-1', ' 1', '1e3'])('may have been %j: no job has this id, and it is not invalid', async (id) => {
    const { queue } = aClient();
    expect(await queue.getJob(id)).toBeUndefined();
    expect(await queue.getJobState(id)).toBe('unknown');
    await expect(queue.remove(id)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND', jobId: id });
  });

  it('is rejected where it cannot work, and nothing is sent', async () => {
    const { cluster, client, queue } = aClient();
    for (const jobId of ['', '17', '007', 'ü'.repeat(128), '\ud800', 5, null])
      await expect(queue.add('n', 1, { jobId: jobId as string })).rejects.toBeInstanceOf(InvalidOptionError);
    expect(cluster.requests).toEqual([]);
    const open = () => new Queue('q', { connection: client, defaultJobOptions: { jobId: 'x' } as never });
    expect(open).toThrow(UnknownOptionError);
  });

  it('is read once: a getter that returns something else at its second call leaves no request half written', async () => {
    const { queue } = aClient();
    const changing = (...values: readonly unknown[]) => {
      let reads = 0;
      return {
        get jobId() {
          reads += 1;
          return values[Math.min(reads, values.length) - 1] as string;
        },
      };
    };
    const adds = [queue.add('n', 1), queue.add('n', 2, changing('x', 5)), queue.add('n', 3)];
    expect((await Promise.all(adds)).map(({ id }) => id)).toEqual(['1', 'x', '3']);
    let reads = 0;
    const backoff = {
      type: 'fixed' as const,
      get delay() {
        reads += 1;
        return reads === 1 ? 10 : ('x' as never);
      },
    };
    expect((await queue.add('n', 4, { backoff })).opts.backoff).toEqual({ type: 'fixed', delay: 10 });
    const opts = changing('y', 5);
    expect((await queue.addBulk([{ name: 'n', data: 5, opts }])).map(({ id }) => id)).toEqual(['y']);
  });
});
