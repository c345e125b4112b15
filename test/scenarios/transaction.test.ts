import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { aFolder, eventually, settledLeader } from './support.ts';

const ORDERS = 40;

describe('transactions', { timeout: 120_000 }, () => {
  it('leave each order with one successor, while leaders change and after a restart of the cluster', async () => {
    using folder = aFolder();
    const limits = { checkpointEntries: 10, tailEntries: 5 };
    const options = { nodes: 3, dataDir: join(folder.path, 'data'), limits };
    {
      await using cluster = await startCluster(options);
      await using orders = new Queue<number>('orders', { connection: cluster });
      await using next = new Queue<number>('next', { connection: cluster });
      await orders.addBulk(Array.from({ length: ORDERS }, (_, data) => ({ name: 'order', data, opts: { attempts: 50 } })));
      const completed = new Set<string>();
      await using worker = new Worker<number, number>(
        'orders',
        async (job) => {
          await cluster.transaction((tx) => [tx.complete(job, job.data), tx.add(next, 'successor', job.data)]);
          return -1;
        },
        { connection: cluster, concurrency: 4 },
      );
      worker.on('completed', (job) => {
        completed.add(job.id);
      });
      worker.on('error', () => undefined);
      for (let change = 0; change < 4; change += 1) {
        const leader = await settledLeader(cluster);
        await cluster.stop(leader);
        await cluster.restart(leader);
      }
      await eventually('all orders are completed', async () => (await orders.getJobCounts()).completed === ORDERS);
    }
    await using cluster = await startCluster(options);
    await using orders = new Queue<number>('orders', { connection: cluster });
    await using next = new Queue<number>('next', { connection: cluster });
    const successors = await next.getJobs('waiting');
    expect(successors.map(({ data }) => data).sort((a, b) => a - b)).toEqual(Array.from({ length: ORDERS }, (_, data) => data));
    for (const { data, returnvalue } of await orders.getJobs('completed')) expect(returnvalue).toBe(data);
  });
});
