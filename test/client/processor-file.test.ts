import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { eventually } from './eventually.ts';
import { FakeCluster } from './fake-cluster.ts';
import { closeAfterEach, toClose } from './worker-setting.ts';

closeAfterEach();

describe('a processor in a file', () => {
  const setUp = (file: string) => {
    const cluster = new FakeCluster();
    const queue = new Queue('texts', { connection: cluster });
    const worker = new Worker('texts', new URL(`./fixtures/${file}`, import.meta.url), {
      connection: cluster,
      concurrency: 2,
      lockDuration: 30_000,
    });
    toClose.push(
      () => worker.close(true),
      () => queue.close(),
      () => cluster.close(),
    );
    return { cluster, queue, worker };
  };

  it('runs its export "process" in a thread', async () => {
    const { queue, worker } = setUp('shout.mjs');
    const completed = once(worker, 'completed');
    await queue.add('shout', { text: 'hello' });
    expect((await completed)[1]).toEqual({ shouted: 'HELLO', isMainThread: false, name: 'shout' });
  });

  it('may also be a default export', async () => {
    const { queue, worker } = setUp('double.mjs');
    const completed = once(worker, 'completed');
    await queue.add('double', 21);
    expect((await completed)[1]).toBe(42);
  });

  it('can forbid another attempt', async () => {
    const { queue, worker } = setUp('shout.mjs');
    const failed = once(worker, 'failed');
    const { id } = await queue.add('shout', { text: 'never again' }, { attempts: 5 });
    await failed;
    expect(await queue.getJob(id)).toMatchObject({ state: 'failed', failedReason: 'this text is beyond repair' });
  });

  it('is ended with its lease', async () => {
    const { cluster, queue, worker } = setUp('shout.mjs');
    await queue.add('shout', { text: 'forever' });
    await eventually(() => expect(cluster.machine.counts('texts').active).toBe(1));
    await worker.close(true);
    expect(cluster.machine.counts('texts')).toMatchObject({ active: 0, waiting: 1 });
  });
});
