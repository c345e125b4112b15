import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Queue, Worker } from '../../src/index.ts';
import { NotDrainedError, startTestCluster, type TestCluster } from '../../src/testing/index.ts';

async function aScene(
  processor?: (name: string, queue: Queue) => unknown,
): Promise<{ readonly cluster: TestCluster; readonly queue: Queue }> {
  const cluster = await startTestCluster();
  const queue = new Queue('work', { connection: cluster });
  onTestFinished(() => cluster.close());
  if (processor !== undefined) {
    const worker = new Worker('work', (job) => processor(job.name, queue) as never, { connection: cluster, concurrency: 3 });
    worker.on('error', () => undefined);
  }
  return { cluster, queue };
}

describe('drain', () => {
  it('resolves at once without jobs', async () => {
    const { cluster } = await aScene();
    await cluster.drain();
  });

  it('waits for processors that take real time', async () => {
    const done: string[] = [];
    const { cluster, queue } = await aScene(async (name) => {
      await sleep(20);
      done.push(name);
    });
    await queue.addBulk(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => ({ name, data: 1 })));
    await cluster.drain();
    expect(done.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 0, active: 0, completed: 7 });
  });

  it('waits for jobs that jobs add', async () => {
    const done: string[] = [];
    const { cluster, queue } = await aScene(async (name, work) => {
      done.push(name);
      if (name.length < 5) await work.add(`${name}x`, 1);
    });
    await queue.add('x', 1);
    await cluster.drain();
    expect(done).toEqual(['x', 'xx', 'xxx', 'xxxx', 'xxxxx']);
  });

  it('leaves a failing job in its backoff, and a failed one failed', async () => {
    const { cluster, queue } = await aScene(() => {
      throw new Error('no');
    });
    const retried = await queue.add('retried', 1, { attempts: 2, backoff: { type: 'fixed', delay: 1_000 } });
    const failed = await queue.add('failed', 1);
    await cluster.drain();
    expect([await retried.getState(), await failed.getState()]).toEqual(['delayed', 'failed']);
    await cluster.clock.advance(1_000);
    await cluster.drain();
    expect(await retried.getState()).toBe('failed');
  });

  it('includes a call that was not awaited', async () => {
    const done: string[] = [];
    const { cluster, queue } = await aScene((name) => done.push(name));
    void queue.add('a', 1);
    await cluster.drain();
    expect(done).toEqual(['a']);
  });

  it('includes what was immediately retried', async () => {
    let attempts = 0;
    const { cluster, queue } = await aScene(() => {
      attempts += 1;
      if (attempts < 3) throw new Error('no');
    });
    await queue.add('a', 1, { attempts: 3 });
    await cluster.drain();
    expect(attempts).toBe(3);
    expect(await queue.getJobCounts()).toMatchObject({ completed: 1 });
  });

  it('rejects with the queue whose jobs no worker takes', async () => {
    const { cluster, queue } = await aScene();
    await queue.addBulk([
      { name: 'a', data: 1 },
      { name: 'b', data: 1 },
    ]);
    const error: unknown = await cluster.drain().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotDrainedError);
    expect(error).toMatchObject({ code: 'NOT_DRAINED', outcome: 'not-applied', queue: 'work', waiting: 2 });
    expect((error as Error).message).toMatch(/"work" has 2 waiting jobs, and no worker takes them\. Create a worker/);
  });

  it('leaves the jobs of a paused queue, and takes them once it is resumed', async () => {
    const done: string[] = [];
    const { cluster, queue } = await aScene((name) => done.push(name));
    await queue.pause();
    await queue.add('a', 1);
    await cluster.drain();
    expect(done).toEqual([]);
    await queue.resume();
    await cluster.drain();
    expect(done).toEqual(['a']);
  });

  it('leaves the jobs of a queue at the limit of its rate, and takes the next ones when the time is over', async () => {
    const done: string[] = [];
    const { cluster, queue } = await aScene((name) => done.push(name));
    await queue.setGlobalRateLimit(2, 60_000);
    await queue.addBulk(['a', 'b', 'c', 'd', 'e'].map((name) => ({ name, data: 1 })));
    await cluster.drain();
    expect(done).toEqual(['a', 'b']);
    await cluster.clock.advance(59_000);
    expect(done).toEqual(['a', 'b']);
    await cluster.clock.advance(1_000);
    await cluster.drain();
    expect(done).toEqual(['a', 'b', 'c', 'd']);
    await queue.rateLimit(10_000);
    await cluster.clock.advance(9_000);
    expect(done).toHaveLength(4);
    await cluster.clock.advance(2_000);
    await cluster.drain();
    expect(done).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('does not wait for jobs of a process that is disconnected: they are due when their leases end', async () => {
    const { cluster, queue } = await aScene();
    const away = cluster.connect();
    const worker = new Worker('work', () => new Promise<never>(() => undefined), { connection: away });
    worker.on('error', () => undefined);
    await queue.add('a', 1);
    await cluster.clock.advance(0);
    expect(await queue.getJobCounts()).toMatchObject({ active: 1 });
    away.disconnect();
    await cluster.drain();
    await cluster.clock.advance(40_000);
    await expect(cluster.drain()).rejects.toBeInstanceOf(NotDrainedError);
  });
});
