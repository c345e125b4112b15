import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/client/errors.ts';
import { eventually } from './eventually.ts';
import { aGate, aSetting, closeAfterEach } from './worker-setting.ts';

closeAfterEach();

describe('the global concurrency of a queue', () => {
  it('is set, read and removed, and is null without a limit', async () => {
    const { queue } = aSetting();
    expect(await queue.getGlobalConcurrency()).toBeNull();
    await queue.setGlobalConcurrency(3);
    expect([await queue.getGlobalConcurrency(), await queue.getGlobalConcurrency({ consistency: 'stale' })]).toEqual([3, 3]);
    await queue.removeGlobalConcurrency();
    await queue.removeGlobalConcurrency();
    expect(await queue.getGlobalConcurrency()).toBeNull();
  });

  it.each([0, -1, 1.5, 2 ** 31, '3', undefined])('%s is rejected', async (odd) => {
    const { queue } = aSetting();
    await expect(queue.setGlobalConcurrency(odd as number)).rejects.toBeInstanceOf(InvalidOptionError);
  });

  it('bounds how many jobs the workers process together', async () => {
    const { cluster, queue, aWorker } = aSetting();
    await queue.setGlobalConcurrency(3);
    let running = 0;
    let most = 0;
    const process = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    cluster.afterTurn = () => expect(cluster.machine.counts('numbers').active).toBeLessThanOrEqual(3);
    await queue.addBulk(Array.from({ length: 60 }, (_, data) => ({ name: 'n', data })));
    for (const concurrency of [1, 2, 10]) aWorker(process, { concurrency });
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(60));
    expect(most).toBe(3);
  });

  it('leaves jobs to another worker, while one that could take more of them is busy', async () => {
    const { queue, aWorker } = aSetting();
    await queue.setGlobalConcurrency(2);
    const { opened, open } = aGate();
    const seen: string[] = [];
    const process = (name: string) => async (): Promise<void> => {
      seen.push(name);
      await opened;
    };
    aWorker(process('one'), { prefetchMax: 100 });
    await queue.addBulk(Array.from({ length: 4 }, (_, data) => ({ name: 'n', data })));
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    expect(await queue.isMaxed()).toBe(false);
    aWorker(process('other'), { prefetchMax: 100 });
    await eventually(() => expect(seen).toEqual(['one', 'other']));
    expect([await queue.getActiveCount(), await queue.isMaxed()]).toEqual([2, true]);
    open();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(4));
  });

  it('lets a worker that allows no stalls process every job, one after the other', async () => {
    const { queue, aWorker } = aSetting();
    await queue.setGlobalConcurrency(4);
    await queue.addBulk(Array.from({ length: 20 }, (_, data) => ({ name: 'n', data })));
    aWorker(() => 1, { concurrency: 4, maxStalledCount: 0 });
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(20));
  });

  it('applies to workers that wait when it is raised or removed', async () => {
    const { queue, aWorker } = aSetting();
    await queue.setGlobalConcurrency(1);
    const { opened, open } = aGate();
    aWorker(async () => await opened, { concurrency: 5 });
    await queue.addBulk(Array.from({ length: 5 }, (_, data) => ({ name: 'n', data })));
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    await queue.setGlobalConcurrency(3);
    await eventually(async () => expect(await queue.getActiveCount()).toBe(3));
    await queue.removeGlobalConcurrency();
    await eventually(async () => expect(await queue.getActiveCount()).toBe(5));
    open();
  });

  it('is removed with the queue', async () => {
    const { queue } = aSetting();
    await queue.setGlobalConcurrency(1);
    await queue.obliterate();
    expect(await queue.getGlobalConcurrency()).toBeNull();
  });
});
