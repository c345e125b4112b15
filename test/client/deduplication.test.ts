import { describe, expect, it } from 'vitest';
import { InvalidOptionError, NotSupportedError, UnknownOptionError } from '../../src/index.ts';
import { aClient, closeClientsAfterEach } from './client-setting.ts';
import { eventually } from './eventually.ts';
import { aGate, aSetting, closeAfterEach } from './worker-setting.ts';

closeClientsAfterEach();
closeAfterEach();

describe('the option deduplication', () => {
  it('adds a job once, until it is completed, and the job of a duplicate says which one is there', async () => {
    const { queue, aWorker } = aSetting();
    const first = await queue.add('n', 1, { deduplication: { id: 'user 7' } });
    const second = await queue.add('n', 2, { deduplication: { id: 'user 7' } });
    expect([first.isDeduplicated, first.deduplicationId]).toEqual([false, 'user 7']);
    expect(second).toMatchObject({ id: first.id, isDeduplicated: true, deduplicationId: 'user 7', data: 2 });
    expect(second.opts.deduplication).toEqual({ id: 'user 7', ttl: 0, extend: false, replace: false, keepLastIfActive: false });
    expect(await queue.getDeduplicationJobId('user 7')).toBe(first.id);
    const seen: unknown[] = [];
    aWorker(({ deduplicationId, data }) => void seen.push([deduplicationId, data]));
    await eventually(async () => expect(await queue.getDeduplicationJobId('user 7')).toBeNull());
    expect(seen).toEqual([['user 7', 1]]);
  });

  it('is that of each job of a bulk', async () => {
    const { queue } = aClient();
    const jobs = await queue.addBulk(
      ['a', 'a', 'b'].map((id, data) => ({ name: 'n', data, opts: { deduplication: { id }, jobId: `job ${data}` } })),
    );
    expect(jobs.map(({ id, isDeduplicated }) => [id, isDeduplicated])).toEqual([
      ['job 0', false],
      ['job 0', true],
      ['job 2', false],
    ]);
    expect(await queue.getDeduplicationJobId('a')).toBe('job 0');
  });

  it('throttles with ttl, and debounces a delayed job with replace', async () => {
    const { queue } = aClient();
    const ttl = 60_000_000;
    const first = await queue.add('n', 1, { deduplication: { id: 'throttle', ttl } });
    await first.remove();
    await queue.add('n', 2, { deduplication: { id: 'throttle', ttl } });
    expect(await queue.getWaitingCount()).toBe(1);
    for (const data of [1, 2, 3]) await queue.add('n', data, { delay: ttl, deduplication: { id: 'd', ttl, extend: true, replace: true } });
    expect((await queue.getDelayed()).map(({ data }) => data)).toEqual([3]);
  });

  it('keeps the last add while the job is active', async () => {
    const { queue, aWorker } = aSetting();
    const gate = aGate();
    const seen: unknown[] = [];
    const deduplication = { id: 'd', keepLastIfActive: true };
    await queue.add('n', 1, { deduplication });
    aWorker(async ({ data }) => {
      seen.push(data);
      await gate.opened;
    });
    await eventually(() => expect(seen).toEqual([1]));
    for (const data of [2, 3]) expect((await queue.add('n', data, { deduplication })).isDeduplicated).toBe(true);
    gate.open();
    await eventually(() => expect(seen).toEqual([1, 3]));
  });

  it('ends when a client sets the id free', async () => {
    const { queue } = aClient();
    const first = await queue.add('n', 1, { deduplication: { id: 'd' } });
    expect(await queue.removeDeduplicationKey('d')).toBe(1);
    expect(await queue.removeDeduplicationKey('d')).toBe(0);
    const second = await queue.add('n', 2, { deduplication: { id: 'd' } });
    expect(second.isDeduplicated).toBe(false);
    expect(await first.removeDeduplicationKey()).toBe(false);
    expect(await (await queue.getJob(second.id))?.removeDeduplicationKey()).toBe(true);
    expect(await (await queue.add('n', 3)).removeDeduplicationKey()).toBe(false);
  });

  it.each([
    [{}, 'opts.deduplication.id'],
    [{ id: '' }, 'opts.deduplication.id'],
    [{ id: 'x'.repeat(256) }, 'opts.deduplication.id'],
    [{ id: 'd', ttl: -1 }, 'opts.deduplication.ttl'],
    [{ id: 'd', extend: 1 }, 'opts.deduplication.extend'],
    ['d', 'opts.deduplication'],
  ])('is checked: %j', async (deduplication, at) => {
    const { queue } = aClient();
    // The types do not allow it.
    const adding = queue.addBulk([{ name: 'n', data: 1, opts: { deduplication } as object }]);
    await expect(adding).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(adding).rejects.toThrow(at);
  });

  it('rejects an unknown name, one for all jobs of a queue, and an id that is none', async () => {
    const { queue, cluster } = aSetting();
    await expect(queue.add('n', 1, { deduplication: { id: 'd', TTL: 5 } as object as { id: string } })).rejects.toThrow(UnknownOptionError);
    const Queue = queue.constructor as new (name: string, options: object) => unknown;
    expect(() => new Queue('q', { connection: cluster, defaultJobOptions: { deduplication: { id: 'd' } } })).toThrow('to each add()');
    await expect(queue.getDeduplicationJobId('')).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(queue.removeDeduplicationKey('')).rejects.toBeInstanceOf(InvalidOptionError);
  });

  it('is not known of a job that was read', async () => {
    const { queue } = aClient();
    const { id } = await queue.add('n', 1, { deduplication: { id: 'd' } });
    const job = await queue.getJob(id);
    expect(job?.deduplicationId).toBe('d');
    expect(() => job?.opts.deduplication).toThrow(NotSupportedError);
  });
});
