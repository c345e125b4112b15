import { Client, type Cluster, Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';

const MAX = 2;
const DURATION_MS = 700;
const WINDOWS = 4;
/** A poll every few milliseconds, or of each worker, would be many more. */
const ENTRIES_MAX = 60;

const commitOf = async (cluster: Cluster): Promise<number> => (await cluster.status((await cluster.leader()) ?? 1)).commit;

describe('the global rate limit of a queue', () => {
  it('holds for all workers, and costs a cluster whose workers wait no entries but one at its end', async () => {
    await using cluster = await startCluster({ nodes: 3, storage: 'memory' });
    await using queue = new Queue<number>('work', { connection: cluster });
    await queue.setGlobalRateLimit(MAX, DURATION_MS);
    const begunMs = performance.now();
    await queue.addBulk(Array.from({ length: WINDOWS * MAX }, (_, data) => ({ name: 'n', data })));
    const before = await commitOf(cluster);
    const startedMs: number[] = [];
    const processor = (): void => {
      startedMs.push(performance.now() - begunMs);
    };
    await using first = new Client(cluster);
    await using second = new Client(cluster);
    const workers = [first, second].map((connection) => new Worker('work', processor, { connection, concurrency: 5, claimWaitMs: 60_000 }));
    await new Promise<void>((resolve) => {
      for (const worker of workers) worker.on('completed', () => startedMs.length === WINDOWS * MAX && resolve());
    });
    // A window begins after the one before has ended, and the clock of the cluster is no faster than this one.
    startedMs.forEach((ms, at) => void expect(ms).toBeGreaterThanOrEqual(Math.floor(at / MAX) * (DURATION_MS - 1)));
    expect((await commitOf(cluster)) - before).toBeLessThan(ENTRIES_MAX);
    for (const worker of workers) await worker.close();
  });

  it('goes on under another leader, and workers get jobs again when the time of rateLimit() is over', async () => {
    await using cluster = await startCluster({ nodes: 3, storage: 'memory' });
    await using queue = new Queue<number>('work', { connection: cluster });
    const begunMs = performance.now();
    await queue.rateLimit(DURATION_MS);
    await queue.add('n', 1);
    await cluster.transferLeadership();
    let startedMs = 0;
    const processor = (): void => {
      startedMs = performance.now();
    };
    await using worker = new Worker('work', processor, { connection: cluster });
    await new Promise((resolve) => worker.once('completed', resolve));
    expect(startedMs - begunMs).toBeGreaterThanOrEqual(DURATION_MS - 1);
  });
});
