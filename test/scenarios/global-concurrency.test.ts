import { setImmediate as nextTurn } from 'node:timers/promises';
import { Client, Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { aFolder } from './support.ts';

const LIMIT = 2;
const JOBS = 120;

describe('the global concurrency of a queue', () => {
  it('bounds the jobs of all workers, also under another leader and after a restart of the cluster', async () => {
    using folder = aFolder();
    {
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      await using queue = new Queue('work', { connection: cluster });
      await queue.setGlobalConcurrency(LIMIT);
      await queue.addBulk(Array.from({ length: JOBS }, (_, data) => ({ name: 'n', data })));
    }
    await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
    await using queue = new Queue('work', { connection: cluster });
    expect(await queue.getGlobalConcurrency()).toBe(LIMIT);
    let running = 0;
    let most = 0;
    let done = 0;
    const processor = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await nextTurn();
      running -= 1;
      done += 1;
      if (done === JOBS / 2) await cluster.transferLeadership();
    };
    await using first = new Client(cluster);
    await using second = new Client(cluster);
    const workers = [first, second].map((connection) => new Worker('work', processor, { connection, concurrency: 5 }));
    await new Promise<void>((resolve) => {
      let completed = 0;
      for (const worker of workers)
        worker.on('completed', () => {
          completed += 1;
          if (completed === JOBS) resolve();
        });
    });
    expect(most).toBe(LIMIT);
    await queue.removeGlobalConcurrency();
    expect(await queue.getGlobalConcurrency()).toBeNull();
    for (const worker of workers) await worker.close();
  });
});
