import { describe, expect, it, onTestFinished } from 'vitest';
import type { JobSchedulerTemplate, RepeatOptions } from '../../src/client/api/job-schedulers.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { startTestCluster, type TestCluster } from '../../src/testing/index.ts';

const NOON = new Date('2030-06-01T12:00:00Z');
const at = (time: string): number => Date.parse(`2030-06-01T${time}Z`);
const MINUTE_MS = 60_000;

async function aQueue(): Promise<{ cluster: TestCluster; queue: Queue<unknown> }> {
  const cluster = await startTestCluster({ now: NOON });
  onTestFinished(() => cluster.close());
  return { cluster, queue: new Queue('reports', { connection: cluster }) };
}

describe('a job scheduler', () => {
  it('adds jobs by an interval, the first at once, with its template', async () => {
    const { cluster, queue } = await aQueue();
    await queue.upsertJobScheduler('minutely', { every: MINUTE_MS, limit: 5 }, { name: 'report', data: { x: 1 }, opts: { priority: 3 } });
    await cluster.clock.advance(2 * MINUTE_MS + 1_000);
    const jobs = await queue.getWaiting();
    expect(jobs.map(({ name, data, priority, repeatJobKey }) => ({ name, data, priority, repeatJobKey }))).toEqual(
      Array.from({ length: 3 }, () => ({ name: 'report', data: { x: 1 }, priority: 3, repeatJobKey: 'minutely' })),
    );
    const [first, second] = jobs.map(({ scheduledFor = 0 }) => scheduledFor);
    expect((second ?? 0) - (first ?? 0)).toBe(MINUTE_MS);
    expect(await queue.getJobScheduler('minutely')).toEqual({
      ...{ key: 'minutely', name: 'report', iterationCount: 3, next: (first ?? 0) + 3 * MINUTE_MS, every: MINUTE_MS, limit: 5 },
      template: {
        data: { x: 1 },
        opts: { priority: 3, lifo: false, attempts: 1, backoff: 0, removeOnComplete: 1_000, removeOnFail: false },
      },
    });
    await cluster.clock.advance(10 * MINUTE_MS);
    expect(await queue.getWaitingCount()).toBe(5);
    expect(await queue.getJobScheduler('minutely')).toBeUndefined();
  });

  it('adds jobs by a cron pattern in a time zone, and names them by its id by default', async () => {
    const { cluster, queue } = await aQueue();
    await queue.upsertJobScheduler('daily', { pattern: '30 15 * * *', tz: 'Europe/Berlin' });
    await cluster.clock.advance(1_000);
    expect(await queue.getJobScheduler('daily')).toMatchObject({ next: at('13:30:00'), pattern: '30 15 * * *', tz: 'Europe/Berlin' });
    await cluster.clock.advance(90 * MINUTE_MS);
    const [job] = await queue.getWaiting();
    expect(job).toMatchObject({ name: 'daily', data: {}, repeatJobKey: 'daily', scheduledFor: at('13:30:00') });
    expect(job?.toJSON()).toMatchObject({ repeatJobKey: 'daily' });
    await cluster.clock.advance(1_000);
    expect((await queue.getJobScheduler('daily'))?.next).toBe(at('13:30:00') + 24 * 60 * MINUTE_MS);
  });

  it('keeps its next time when a program sets it at each start', async () => {
    const { cluster, queue } = await aQueue();
    await queue.upsertJobScheduler('minutely', { every: MINUTE_MS });
    await cluster.clock.advance(30_000);
    await queue.upsertJobScheduler('minutely', { every: MINUTE_MS }, { data: 'new' });
    await cluster.clock.advance(29_000);
    expect(await queue.getWaitingCount()).toBe(1);
    await cluster.clock.advance(2_000);
    expect((await queue.getWaiting()).map(({ data }) => data)).toEqual([{}, 'new']);
  });

  it('begins and ends at its dates, given in any form', async () => {
    const { cluster, queue } = await aQueue();
    const dates = { startDate: new Date(at('13:00:00')), endDate: '2030-06-01T13:02:30Z' };
    await queue.upsertJobScheduler('minutely', { every: MINUTE_MS, ...dates });
    expect(await queue.getJobScheduler('minutely')).toMatchObject({ startDate: at('13:00:00'), endDate: at('13:02:30') });
    await cluster.clock.advance(120 * MINUTE_MS);
    expect((await queue.getWaiting()).map(({ scheduledFor }) => scheduledFor)).toEqual([at('13:00:00'), at('13:01:00'), at('13:02:00')]);
  });

  it('gives its jobs to a worker', async () => {
    const { cluster, queue } = await aQueue();
    const seen: unknown[] = [];
    const worker = new Worker('reports', (job) => void seen.push([job.name, job.repeatJobKey, job.scheduledFor]), { connection: cluster });
    worker.on('error', () => undefined);
    await queue.upsertJobScheduler('hourly', { pattern: '0 * * * *' });
    await cluster.clock.advance(60 * MINUTE_MS + 1_000);
    await cluster.drain();
    expect(seen).toEqual([['hourly', 'hourly', at('13:00:00')]]);
  });
});

describe('the job schedulers of a queue', () => {
  it('are listed, counted and removed', async () => {
    const { cluster, queue } = await aQueue();
    for (const [id, startDate] of [
      ['c', at('15:00:00')],
      ['a', at('13:00:00')],
      ['b', at('14:00:00')],
    ] as const)
      await queue.upsertJobScheduler(id, { every: MINUTE_MS, startDate });
    const keys = async (...range: [number?, number?, boolean?]) => (await queue.getJobSchedulers(...range)).map(({ key }) => key);
    expect(await keys()).toEqual(['c', 'b', 'a']);
    expect(await keys(0, -1, true)).toEqual(['a', 'b', 'c']);
    expect(await keys(1, 1, true)).toEqual(['b']);
    expect(await keys(-2, -1, true)).toEqual(['b', 'c']);
    expect(await keys(0, -2, true)).toEqual(['a', 'b']);
    expect(await keys(7)).toEqual([]);
    expect(await queue.getJobSchedulersCount()).toBe(3);
    expect(await queue.removeJobScheduler('b')).toBe(true);
    expect(await queue.removeJobScheduler('b')).toBe(false);
    expect(await queue.getJobScheduler('b')).toBeUndefined();
    expect(await queue.getJobSchedulersCount()).toBe(2);
    await cluster.clock.advance(120 * MINUTE_MS);
    expect((await queue.getWaiting()).every(({ repeatJobKey }) => repeatJobKey === 'a')).toBe(true);
  });

  it('are more than one page', async () => {
    const { queue } = await aQueue();
    const long = 'x'.repeat(200);
    const startDate = at('13:00:00');
    await Promise.all(
      Array.from({ length: 300 }, (_, n) => queue.upsertJobScheduler(`${long}${n}`, { every: MINUTE_MS, startDate: startDate + n })),
    );
    const keys = (await queue.getJobSchedulers(0, -1, true)).map(({ key }) => Number(key.slice(long.length)));
    expect(keys).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });

  it('are gone with the queue', async () => {
    const { cluster, queue } = await aQueue();
    await queue.upsertJobScheduler('minutely', { every: MINUTE_MS });
    await cluster.clock.advance(5 * MINUTE_MS);
    await queue.obliterate();
    await cluster.clock.advance(5 * MINUTE_MS);
    expect(await queue.getJobSchedulersCount()).toBe(0);
    expect(await queue.count()).toBe(0);
  });
});

describe('a job scheduler is rejected, and nothing is set,', () => {
  it.each<[string, RepeatOptions, string]>([
    ['a pattern that is none', { pattern: 'tomorrow' }, 'InvalidPatternError'],
    ['a pattern without a time', { pattern: '0 0 31 2 *' }, 'InvalidPatternError'],
    ['a time zone that is none', { pattern: '0 9 * * *', tz: 'Europe/Atlantis' }, 'InvalidPatternError'],
    ['both every and pattern', { every: 5, pattern: '* * * * *' }, 'InvalidOptionError'],
    ['neither', {}, 'InvalidOptionError'],
    ['a time zone without a pattern', { every: 5, tz: 'Europe/Berlin' }, 'InvalidOptionError'],
    ['an offset with a pattern', { pattern: '* * * * *', offset: 5 }, 'InvalidOptionError'],
    ['both a start and immediately', { every: 5, startDate: 5, immediately: true }, 'InvalidOptionError'],
    ['a part of a millisecond', { every: 0.5 }, 'InvalidOptionError'],
    ['a date that is none', { every: 5, endDate: 'soon' }, 'InvalidOptionError'],
    ['an option of the old repeatable jobs', { every: 5, count: 3 } as never, 'UnknownOptionError'],
  ])('with %s', async (_, repeat, name) => {
    const { queue } = await aQueue();
    await expect(queue.upsertJobScheduler('s', repeat)).rejects.toMatchObject({ name });
    expect(await queue.getJobSchedulersCount()).toBe(0);
  });

  it.each<[string, JobSchedulerTemplate, string]>([
    ['a delay', { opts: { delay: 5 } as never }, 'InvalidOptionError'],
    ['an id of the job', { opts: { jobId: 'x' } as never }, 'UnknownOptionError'],
    ['a large payload', { data: 'x'.repeat(70_000) }, 'PayloadTooLargeError'],
    ['an option that a template does not have', { options: {} } as never, 'UnknownOptionError'],
  ])('with a template that has %s', async (_, template, name) => {
    const { queue } = await aQueue();
    await expect(queue.upsertJobScheduler('s', { every: 5 }, template)).rejects.toMatchObject({ name });
  });

  it('with an invalid id', async () => {
    const { queue } = await aQueue();
    await expect(queue.upsertJobScheduler('', { every: 5 })).rejects.toMatchObject({ name: 'InvalidOptionError' });
  });

  it('without effect on others of the same request', async () => {
    const { queue } = await aQueue();
    const calls = [
      queue.upsertJobScheduler('good', { pattern: '0 * * * *' }),
      queue.upsertJobScheduler('bad', { pattern: '0 25 * * *' }),
      queue.add('n', 1),
    ];
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await queue.getJobSchedulersCount()).toBe(1);
  });
});
