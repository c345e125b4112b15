import { Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { aFolder } from './support.ts';

describe('a job with lifo', () => {
  it('is processed before those that were added before it, also after a restart of the cluster', async () => {
    using folder = aFolder();
    {
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      await using queue = new Queue('work', { connection: cluster });
      await queue.add('first', {});
      expect((await queue.add('second', {}, { lifo: true })).opts.lifo).toBe(true);
      await queue.addBulk([
        { name: 'third', data: {} },
        { name: 'fourth', data: {}, opts: { lifo: true } },
        { name: 'fifth', data: {}, opts: { lifo: true, priority: 1 } },
      ]);
    }
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    const done: string[] = [];
    let finish = (): void => undefined;
    const all = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const processor = async ({ name }: { readonly name: string }): Promise<void> => {
      done.push(name);
      if (done.length === 5) finish();
    };
    await using _worker = new Worker('work', processor, { connection: cluster });
    await all;
    expect(done).toEqual(['fourth', 'second', 'first', 'third', 'fifth']);
  });
});
