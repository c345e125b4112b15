import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/client/errors.ts';
import { eventually } from './eventually.ts';
import { aGate, aSetting, closeAfterEach } from './worker-setting.ts';

closeAfterEach();

describe('a worker that is paused', () => {
  it('claims nothing, until it is resumed', async () => {
    const { queue, aWorker } = aSetting();
    const seen: number[] = [];
    const worker = aWorker(({ data }) => void seen.push(data));
    await queue.add('n', 1);
    await eventually(() => expect(seen).toEqual([1]));
    const events: string[] = [];
    worker.on('paused', () => events.push('paused'));
    worker.on('resumed', () => events.push('resumed'));
    await worker.pause();
    expect([worker.isPaused(), worker.isRunning(), events]).toEqual([true, true, ['paused']]);
    await queue.add('n', 2);
    const other = aWorker(({ data }) => void seen.push(-data));
    await eventually(() => expect(seen).toEqual([1, -2]));
    await other.close();
    await queue.add('n', 3);
    expect(await queue.getWaitingCount()).toBe(1);
    worker.resume();
    await eventually(() => expect(seen).toEqual([1, -2, 3]));
    expect([worker.isPaused(), events]).toEqual([false, ['paused', 'resumed']]);
  });

  it('waits for its running jobs, and gives back those that it claimed ahead', async () => {
    const { queue, aWorker } = aSetting();
    const { opened, open } = aGate();
    const worker = aWorker(async () => await opened, { concurrency: 2 });
    for (let n = 1; n <= 5; n += 1) await queue.add('n', n);
    await eventually(async () => expect(await queue.getActiveCount()).toBeGreaterThanOrEqual(2));
    let isOver = false;
    const paused = worker.pause().then(() => {
      isOver = true;
    });
    await eventually(async () => expect(await queue.getJobCounts()).toMatchObject({ active: 2, waiting: 3 }));
    expect(isOver).toBe(false);
    open();
    await paused;
    expect(await queue.getJobCounts()).toMatchObject({ active: 0, waiting: 3, completed: 2 });
    worker.resume();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(5));
  });

  it('does not wait for its running jobs if asked not to', async () => {
    const { queue, aWorker } = aSetting();
    const { opened, open } = aGate();
    const worker = aWorker(async () => await opened);
    await queue.add('n', 1);
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    await worker.pause(true);
    expect(await queue.getActiveCount()).toBe(1);
    open();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(1));
    await expect(worker.pause(1 as never)).rejects.toBeInstanceOf(InvalidOptionError);
  });

  it('may be paused before it runs, and closed while it is paused', async () => {
    const { queue, aWorker } = aSetting();
    const seen: number[] = [];
    const worker = aWorker(({ data }) => void seen.push(data), { autorun: false });
    await worker.pause();
    void worker.run();
    await queue.add('n', 1);
    expect(await queue.getWaitingCount()).toBe(1);
    await worker.close();
    worker.resume();
    await worker.pause();
    expect([seen, await queue.getWaitingCount()]).toEqual([[], 1]);
  });

  it('is closed although a pause waits for its running jobs', async () => {
    const { queue, aWorker } = aSetting();
    const worker = aWorker(async (_job, _token, signal) => await new Promise((resolve) => signal?.addEventListener('abort', resolve)));
    await queue.add('n', 1);
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    const paused = worker.pause();
    await worker.close(true);
    await paused;
    expect(await queue.getWaitingCount()).toBe(1);
  });

  it('is paused once, however often it is called', async () => {
    const { queue, aWorker } = aSetting();
    const { opened, open } = aGate();
    const worker = aWorker(async () => await opened);
    let events = 0;
    worker.on('paused', () => {
      events += 1;
    });
    await queue.add('n', 1);
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    const first = worker.pause();
    worker.resume();
    const both = [worker.pause(), worker.pause()];
    await first;
    expect(events).toBe(0);
    open();
    await Promise.all(both);
    expect(events).toBe(1);
    await worker.pause();
    await worker.pause(true);
    expect(events).toBe(1);
    worker.resume();
    await worker.pause();
    expect(events).toBe(2);
  });

  it('has no claim that waits, once it is paused', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const worker = aWorker(() => 1);
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    await worker.pause();
    expect(cluster.parkedClaims).toBe(0);
    worker.resume();
    await queue.add('n', 1);
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(1));
  });

  it('emits nothing when it is closed while a pause waits, and cannot be resumed then', async () => {
    const { queue, aWorker } = aSetting();
    const { opened, open } = aGate();
    const events: string[] = [];
    const worker = aWorker(async () => await opened);
    for (const event of ['paused', 'resumed', 'closed'] as const) worker.on(event, () => events.push(event));
    await queue.add('n', 1);
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    const paused = worker.pause();
    const closed = worker.close();
    worker.resume();
    open();
    await Promise.all([paused, closed]);
    expect([events, await queue.getCompletedCount()]).toEqual([['closed'], 1]);
  });

  it('is resumed at once, also while its pause waits', async () => {
    const { queue, aWorker } = aSetting();
    const { opened, open } = aGate();
    const worker = aWorker(
      async ({ data }) => {
        if (data === 1) await opened;
      },
      { concurrency: 2 },
    );
    await queue.add('n', 1);
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    const paused = worker.pause();
    worker.resume();
    await paused;
    await queue.add('n', 2);
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(1));
    open();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(2));
  });
});
