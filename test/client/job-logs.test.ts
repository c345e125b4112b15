import { describe, expect, it } from 'vitest';
import { InvalidOptionError, JobNotFoundError, LeaseLostError } from '../../src/client/errors.ts';
import { LogRowTooLargeError } from '../../src/client/size-errors.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();

const NONE = { logs: [], count: 0 };

describe('the log of a job', () => {
  it('is read from both ends, by positions as BullMQ counts them', async () => {
    const { queue } = aClient();
    const job = await queue.add('n', 1, { jobId: 'x' });
    expect(await queue.getJobLogs('x')).toEqual(NONE);
    for (let row = 0; row < 5; row += 1) expect(await job.log(`row ${row}`)).toBe(row + 1);
    const rows = ['row 0', 'row 1', 'row 2', 'row 3', 'row 4'];
    expect(await queue.getJobLogs(String(1))).toEqual({ logs: rows, count: 5 });
    expect(await queue.getJobLogs('x', 0, -1, false)).toEqual({ logs: [...rows].reverse(), count: 5 });
    expect((await queue.getJobLogs('x', 1, 2)).logs).toEqual(['row 1', 'row 2']);
    expect((await queue.getJobLogs('x', 0, 1, false)).logs).toEqual(['row 4', 'row 3']);
    expect((await queue.getJobLogs('x', -2)).logs).toEqual(['row 3', 'row 4']);
    expect((await queue.getJobLogs('x', -3, -2)).logs).toEqual(['row 2', 'row 3']);
    expect((await queue.getJobLogs('x', 1, -2, false)).logs).toEqual(['row 3', 'row 2', 'row 1']);
    expect(await queue.getJobLogs('x', 3, 1)).toEqual({ logs: [], count: 5 });
    expect(await queue.getJobLogs('x', 7, 9)).toEqual({ logs: [], count: 5 });
    expect(await queue.getJobLogs('none')).toEqual(NONE);
    expect(await queue.getJobLogs('99')).toEqual(NONE);
  });

  it('that is long is read by several requests', async () => {
    const { queue } = aClient();
    const { id } = await queue.add('n', 1);
    const rows = Array.from({ length: 30 }, (_, row) => `${row} ${'x'.repeat(30_000)}`);
    for (const row of rows) await queue.addJobLog(id, row);
    expect(await queue.getJobLogs(id)).toEqual({ logs: rows, count: 30 });
    expect(await queue.getJobLogs(id, 2, 20, false)).toEqual({ logs: [...rows].reverse().slice(2, 21), count: 30 });
  });

  it('keeps the rows that the option of the job or the call allows, and loses those that are cleared', async () => {
    const { queue } = aClient();
    const job = await queue.add('n', 1, { keepLogs: 3 });
    expect(job.opts.keepLogs).toBe(3);
    for (let row = 0; row < 5; row += 1) await job.log(String(row));
    expect(await queue.addJobLog(job.id, '5', 2)).toBe(2);
    expect((await queue.getJobLogs(job.id)).logs).toEqual(['4', '5']);
    await job.clearLogs(1);
    expect((await queue.getJobLogs(job.id)).logs).toEqual(['5']);
    await job.clearLogs();
    expect(await queue.getJobLogs(job.id)).toEqual(NONE);
  });

  it('is written by a worker only while its lease goes on', async () => {
    const { queue, aWorker } = aSetting();
    const rows: unknown[] = [];
    const failures: unknown[] = [];
    aWorker(async (job) => {
      await job.log('begins');
      rows.push((await queue.getJobLogs(job.id)).logs);
      const read = await queue.getJob(job.id);
      await queue.obliterate({ force: true });
      for (const each of [job, read]) failures.push(await each?.log('late').catch((error: unknown) => error));
    });
    await queue.add('n', 1, { jobId: 'x' });
    await eventually(() => expect(failures).toEqual([expect.any(LeaseLostError), expect.any(JobNotFoundError)]));
    expect(rows).toEqual([['begins']]);
  });

  it('takes no row that cannot be one, of a job that is there', async () => {
    const { queue } = aClient();
    const job = await queue.add('n', 1);
    await expect(job.log(5 as unknown as string)).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(job.log('\ud800')).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(job.log('ü'.repeat(40_000))).rejects.toMatchObject({ rowBytes: 80_000, rowBytesMax: 65_536 });
    await expect(job.log('x'.repeat(70_000))).rejects.toBeInstanceOf(LogRowTooLargeError);
    await expect(queue.addJobLog(job.id, 'x', 0)).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(queue.getJobLogs(job.id, 0.5)).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(job.clearLogs(-1)).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(queue.add('n', 1, { keepLogs: 0 })).rejects.toBeInstanceOf(InvalidOptionError);
    expect(await queue.getJobLogs(job.id)).toEqual(NONE);
    await job.remove();
    await expect(job.log('x')).rejects.toBeInstanceOf(JobNotFoundError);
    await expect(queue.addJobLog('none', 'x')).rejects.toBeInstanceOf(JobNotFoundError);
  });
});
