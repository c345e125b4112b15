import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/client/api/job.ts';
import type { QueueCommands } from '../../src/client/api/job-commands.ts';
import { type ListedState, type ListOptions, listJobs } from '../../src/client/api/job-list.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { ClientClosedError, InvalidOptionError, NoLeaderError, UnknownOptionError } from '../../src/client/errors.ts';
import { UnrecoverableError } from '../../src/client/worker/worker.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { countTimeInTurns } from './turn-time.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

countTimeInTurns();
closeClientsAfterEach();
closeAfterEach();

const idsOf = (jobs: readonly Job<number>[]): number[] => jobs.map(({ id }) => Number(id));

/** Jobs 1 to 6 wait, the first one with a priority; 7 and 8 are delayed. */
async function aQueueOfEight(options: Parameters<typeof aClient>[1] = {}) {
  const setting = aClient([1, 2], options);
  const { queue } = setting;
  await queue.add('n', 1, { priority: 5 });
  for (let n = 2; n <= 6; n += 1) await queue.add('n', n);
  await queue.add('n', 7, { delay: 60_000_000 });
  await queue.add('n', 8, { delay: 30_000_000 });
  return setting;
}
const WAITING = [2, 3, 4, 5, 6, 1];
const DELAYED = [8, 7];

/** As LRANGE of Redis, which BullMQ calls. */
function rangeOf(ids: readonly number[], start: number, end: number): number[] {
  const from = start < 0 ? Math.max(0, ids.length + start) : start;
  const to = end < 0 ? ids.length + end : end;
  return ids.slice(from, Math.max(from, to + 1));
}

describe('getJobs', () => {
  it('lists backwards by default, and all jobs of the states, in the order that is given', async () => {
    const { queue } = await aQueueOfEight();
    expect(idsOf(await queue.getJobs('waiting'))).toEqual([...WAITING].reverse());
    expect(idsOf(await queue.getJobs(['delayed', 'waiting', 'delayed'], { asc: true }))).toEqual([...DELAYED, ...WAITING]);
    const all = await queue.getJobs();
    expect(idsOf(all)).toEqual([...DELAYED.toReversed(), ...WAITING.toReversed()]);
    expect(idsOf(await queue.getJobs([]))).toEqual(idsOf(all));
    expect(all.find(({ id }) => id === '8')).toMatchObject({ name: 'n', data: 8, state: 'delayed', queueName: 'numbers' });
  });

  it('takes positions as BullMQ does: both are included, and negative ones count from the end', async () => {
    const { queue } = await aQueueOfEight();
    const positions = [-7, -6, -2, -1, 0, 1, 5, 6, 9];
    for (const start of positions) {
      for (const end of positions) {
        const backwards = await queue.getJobs(['waiting'], { start, end });
        expect(idsOf(backwards), `${start} to ${end}`).toEqual(rangeOf(WAITING.toReversed(), start, end));
        const forwards = await queue.getJobs(['waiting'], { start, end, asc: true });
        expect(idsOf(forwards), `${start} to ${end}, asc`).toEqual(rangeOf(WAITING, start, end));
      }
    }
  });

  it('applies the positions to each state', async () => {
    const { queue } = await aQueueOfEight();
    expect(idsOf(await queue.getJobs(['waiting', 'delayed'], { start: 1, end: 2, asc: true }))).toEqual([3, 4, 7]);
  });

  it('reads the ids by one request, and their jobs by another', async () => {
    const { cluster, queue } = await aQueueOfEight();
    await queue.getJobs('waiting');
    expect(cluster.queries.map(({ operations }) => operations)).toEqual([1, 6]);
    cluster.queries.length = 0;
    await queue.getJobs('waiting', { start: -2 });
    expect(cluster.queries.map(({ operations }) => operations)).toEqual([1, 1, 2]);
  });

  it('reads many jobs page by page, in their order', async () => {
    const { cluster, queue } = aClient();
    const added = await queue.addBulk(Array.from({ length: 2_300 }, (_, n) => ({ name: 'n', data: n })));
    const listed = await queue.getJobs('waiting', { asc: true });
    expect(listed.map(({ id }) => id)).toEqual(added.map(({ id }) => id));
    expect(cluster.queries.map(({ operations }) => operations)).toEqual([1, 1_000, 1_000, 300]);
  });

  it('leaves the jobs of other queues out', async () => {
    const { client, queue } = await aQueueOfEight();
    const other = new Queue<number>('others', { connection: client });
    await other.add('n', 9);
    expect(idsOf(await other.getJobs())).toEqual([9]);
    expect(idsOf(await queue.getJobs('waiting'))).not.toContain(9);
  });

  it('rejects what it does not know, with what to give, and sends nothing', async () => {
    const { cluster, queue } = await aQueueOfEight();
    const list = (states: unknown, options?: unknown) => queue.getJobs(states as ListedState, options as ListOptions);
    await expect(list('prioritized')).rejects.toThrow(/'prioritized' or 'paused' are 'waiting'/);
    for (const states of ['wait', ['waiting', 'paused'], 5, null, Promise.resolve('waiting')])
      await expect(list(states)).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(list('waiting', { ascending: true })).rejects.toBeInstanceOf(UnknownOptionError);
    await expect(list('waiting', 0)).rejects.toThrow(/\{ start, end, asc, consistency \}/);
    for (const options of [{ start: 1.5 }, { end: '3' }, { start: 2 ** 32 }, { asc: 1 }, { consistency: 'strong' }, Promise.resolve({})])
      await expect(list('waiting', options)).rejects.toBeInstanceOf(InvalidOptionError);
    expect(cluster.queries).toEqual([]);
  });

  it('is rejected when its queue is closed', async () => {
    const { queue } = await aQueueOfEight();
    await queue.close();
    await expect(queue.getJobs('waiting')).rejects.toBeInstanceOf(ClientClosedError);
  });

  it('is linearizable and needs a leader, unless another consistency is given', async () => {
    const { cluster, queue } = await aQueueOfEight({ deadlineMs: 150, silenceMs: 20 });
    await queue.getJobs('delayed', { consistency: 'lease' });
    expect(cluster.queries.map(({ consistency }) => consistency)).toEqual(['lease', 'lease']);
    cluster.leader = undefined;
    await expect(queue.getJobs('delayed')).rejects.toBeInstanceOf(NoLeaderError);
    expect(idsOf(await queue.getJobs('delayed', { consistency: 'stale' }))).toEqual(DELAYED.toReversed());
    // The positions are determined by the same consistency.
    expect(idsOf(await queue.getJobs('delayed', { start: -1, consistency: 'stale' }))).toEqual([8]);
  });
});

describe('the getters of one state', () => {
  it('list waiting and delayed jobs forwards, as BullMQ does', async () => {
    const { queue } = await aQueueOfEight();
    expect(idsOf(await queue.getWaiting())).toEqual(WAITING);
    expect(idsOf(await queue.getWaiting(1, 2))).toEqual([3, 4]);
    expect(idsOf(await queue.getDelayed())).toEqual(DELAYED);
    expect(idsOf(await queue.getDelayed(-1))).toEqual([7]);
    expect([await queue.getWaitingCount(), await queue.getDelayedCount()]).toEqual([6, 2]);
  });

  it('list active jobs by id, and the latest finished ones first', async () => {
    const { queue, aWorker } = aSetting();
    aWorker(
      async ({ data }, _token, signal) => {
        if (data % 3 === 0) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        if (data % 3 === 1) throw new UnrecoverableError('no luck');
      },
      { concurrency: 10 },
    );
    for (let n = 1; n <= 9; n += 1) await queue.add('n', n);
    await eventually(async () => expect(await queue.getJobCounts()).toMatchObject({ active: 3, completed: 3, failed: 3 }));
    expect(idsOf(await queue.getActive())).toEqual([3, 6, 9]);
    const [completed, failed] = [await queue.getCompleted(), await queue.getFailed()];
    expect(idsOf(completed).toSorted()).toEqual([2, 5, 8]);
    expect(idsOf(failed).toSorted()).toEqual([1, 4, 7]);
    expect(idsOf(await queue.getJobs('completed', { asc: true }))).toEqual(idsOf(completed).reverse());
    expect(idsOf(await queue.getFailed(0, 1))).toEqual(idsOf(failed).slice(0, 2));
    expect(failed.map(({ failedReason, state }) => [failedReason, state])).toEqual(Array(3).fill(['no luck', 'failed']));
    expect([await queue.getActiveCount(), await queue.getCompletedCount(), await queue.getFailedCount()]).toEqual([3, 3, 3]);
  });
});

describe('a count of several states', () => {
  it('is their sum, by one read; a state that is given twice counts once, and none means all', async () => {
    const { cluster, queue } = await aQueueOfEight();
    expect(await queue.count()).toBe(8);
    expect(await queue.getJobCountByTypes('waiting', 'waiting')).toBe(6);
    expect(await queue.getJobCountByTypes('delayed', 'active', 'waiting')).toBe(8);
    expect(await queue.getJobCountByTypes('active')).toBe(0);
    expect(await queue.getJobCountByTypes()).toBe(8);
    expect(cluster.queries.map(({ operations }) => operations)).toEqual([1, 1, 1, 1, 1]);
  });

  it('leaves out what workers have finished', async () => {
    const { queue, aWorker } = aSetting();
    await queue.add('n', 1, { delay: 60_000_000 });
    await queue.add('n', 2);
    aWorker(() => 'done');
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(1));
    expect([await queue.count(), await queue.getJobCountByTypes()]).toEqual([1, 2]);
  });

  it('of a state that only BullMQ has is rejected, and nothing is sent', async () => {
    const { cluster, queue } = await aQueueOfEight();
    await expect(queue.getJobCountByTypes('prioritized' as ListedState)).rejects.toThrow(/'prioritized' or 'paused' are 'waiting'/);
    expect(cluster.queries).toEqual([]);
  });
});

describe('a listing', () => {
  /** Commands of a queue that answer with these pages, and find all jobs but those that were removed. */
  function commandsOf(pages: readonly OperationResult[], removed: readonly number[] = []) {
    const left = [...pages];
    const query = (): Promise<OperationResult> => Promise.resolve(left.shift() as OperationResult);
    const find = (id: number) => Promise.resolve(removed.includes(id) ? undefined : { id });
    // The only cast: what a listing uses of it.
    return { queue: 'q', query, find } as unknown as QueueCommands;
  }
  const aPage = (ids: readonly number[], skipped = 0, isOver = false): OperationResult => ({
    ok: true,
    type: 'jobIds',
    ...{ ids, skipped, isOver, rank: 1, tie: 7 },
  });

  it('continues behind a page that is short, or only skips', async () => {
    const pages = [aPage([], 5_000), aPage([8, 9], 1_000), aPage([]), aPage([4], 0, true)];
    const details = await listJobs(commandsOf(pages), 'failed', { start: 6_000 });
    expect(details.map(({ id }) => id)).toEqual([8, 9, 4]);
  });

  it('leaves out the jobs that were removed meanwhile, and gives one that moved only once', async () => {
    const pages = [aPage([1, 2, 3], 0, true), aPage([4, 2], 0, true)];
    const details = await listJobs(commandsOf(pages, [3]), ['waiting', 'active']);
    expect(details.map(({ id }) => id)).toEqual([1, 2, 4]);
  });
});

describe('the queues of a cluster', () => {
  it('are listed by a client, oldest first', async () => {
    const { client, queue } = await aQueueOfEight();
    const other = new Queue<number>('another', { connection: client });
    await other.pause();
    expect(await client.queues()).toEqual(['numbers', 'another']);
    await other.resume();
    expect(await client.queues()).toEqual(['numbers']);
    await queue.close();
  });

  it('are read page by page', async () => {
    const { cluster, client, queue } = aClient();
    const names = Array.from({ length: 200 }, (_, at) => `${at}`.padStart(256, '-'));
    for (const name of names) await new Queue(name, { connection: client }).add('n', 1);
    await queue.add('n', 1);
    expect(await client.queues()).toEqual([...names, 'numbers']);
    expect(cluster.queries.length).toBeGreaterThan(1);
  });

  it('are read by a linearizable read, unless another consistency is given', async () => {
    const { cluster, client } = await aQueueOfEight({ deadlineMs: 150, silenceMs: 20 });
    cluster.leader = undefined;
    await expect(client.queues()).rejects.toBeInstanceOf(NoLeaderError);
    expect(await client.queues({ consistency: 'stale' })).toEqual(['numbers']);
    await expect(client.queues({ consistency: 'strong' as 'stale' })).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(client.queues({ stale: true } as object)).rejects.toBeInstanceOf(UnknownOptionError);
    await client.close();
    await expect(client.queues()).rejects.toBeInstanceOf(ClientClosedError);
  });
});
