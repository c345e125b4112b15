import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/client/errors.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { eventually } from './eventually.ts';
import { aGate, aSetting, closeAfterEach } from './worker-setting.ts';

closeAfterEach();

const bulk = (length: number) => Array.from({ length }, (_, data) => ({ name: 'n', data }));

describe('the concurrency of a worker', () => {
  it('is raised while it runs, and while it waits for jobs', async () => {
    const { queue, aWorker } = aSetting();
    const { opened, open } = aGate();
    const worker = aWorker(async () => await opened);
    await queue.addBulk(bulk(9));
    await eventually(async () => expect(await queue.getActiveCount()).toBe(1));
    worker.concurrency = 4;
    expect(worker.concurrency).toBe(4);
    await eventually(async () => expect(await queue.getActiveCount()).toBe(4));
    open();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(9));
    worker.concurrency = 6;
    const again = aGate();
    const other = aWorker(async () => await again.opened, { concurrency: 1 });
    await worker.close();
    other.concurrency = 3;
    await queue.addBulk(bulk(5));
    await eventually(async () => expect(await queue.getActiveCount()).toBe(3));
    again.open();
    await eventually(async () => expect(await queue.getCompletedCount()).toBe(14));
  });

  it('is lowered: running jobs go on, and no other one begins until fewer run', async () => {
    const { queue, aWorker } = aSetting();
    const gates: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const worker = aWorker(
      async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => gates.push(resolve));
        running -= 1;
      },
      { concurrency: 3, prefetchMax: 0 },
    );
    await queue.addBulk(bulk(6));
    await eventually(() => expect(running).toBe(3));
    worker.concurrency = 1;
    most = 0;
    for (let done = 1; done <= 6; done += 1) {
      gates.shift()?.();
      await eventually(async () => expect(await queue.getCompletedCount()).toBe(done));
      if (done < 6) await eventually(() => expect(running).toBe(Math.max(1, 3 - done)));
    }
    expect(most).toBe(1);
  });

  it('is at most the number of threads of a processor in a file', async () => {
    const { client } = aSetting();
    await using worker = new Worker('numbers', './processor.js', { connection: client, concurrency: 4, threads: 2, autorun: false });
    worker.on('error', () => undefined);
    worker.concurrency = 9;
    expect(worker.concurrency).toBe(2);
    worker.concurrency = 1;
    expect(worker.concurrency).toBe(1);
  });

  it.each([0, -1, 1.5, Number.POSITIVE_INFINITY, '3', undefined])('is never %s', (odd) => {
    const { aWorker } = aSetting();
    const worker = aWorker(() => 1, { concurrency: 2 });
    expect(() => {
      worker.concurrency = odd as number;
    }).toThrow(InvalidOptionError);
    expect(worker.concurrency).toBe(2);
  });
});
