import { describe, expect, it, onTestFinished } from 'vitest';
import { Client, ClusterClosedError, ConfigError, DeadlineError, type Job, LeaseLostError, Queue, Worker } from '../../src/index.ts';
import { faultsOf, startTestCluster, type TestCluster, type TestClusterOptions } from '../../src/testing/index.ts';

const NOON = new Date('2030-06-01T12:00:00Z');
const MINUTE_MS = 60_000;

async function aCluster(options: TestClusterOptions = { now: NOON }): Promise<TestCluster> {
  const cluster = await startTestCluster(options);
  onTestFinished(() => cluster.close());
  return cluster;
}

/** A worker whose errors are not expected. */
function aWorker<Result>(cluster: TestCluster, processor: (job: Job) => Result, name = 'work'): Worker<unknown, Result> {
  const worker = new Worker<unknown, Result>(name, processor as never, { connection: cluster });
  worker.on('error', (error) => expect(error).toBeInstanceOf(ClusterClosedError));
  return worker;
}

describe('a test cluster', () => {
  it.each([1, 3, 5])('of %d nodes replies at once, and the replicas are the production nodes', async (nodes) => {
    const cluster = await aCluster({ nodes });
    const queue = new Queue('work', { connection: cluster });
    const { id } = await queue.add('n', { x: 1 });
    expect((await queue.getJob(id))?.data).toEqual({ x: 1 });
    const client = new Client(cluster);
    await cluster.clock.advance(1_000);
    const statuses = await Promise.all(cluster.nodeIds().map((node) => client.status(node)));
    expect(statuses.filter(({ state }) => state === 'leader')).toHaveLength(1);
    for (const { applied } of statuses) expect(applied).toBe(statuses[0]?.applied);
    await client.close();
  });

  it('gives the same run for the same seed', async () => {
    const run = async (seed: number): Promise<number> => (await aCluster({ nodes: 3, seed })).clock.nowMs();
    expect(await run(7)).toBe(await run(7));
    expect(await run(7)).not.toBe(await run(8));
  });

  it('keeps queues apart', async () => {
    const cluster = await aCluster();
    const [one, other] = ['one', 'other'].map((name) => new Queue(name, { connection: cluster }));
    const done: string[] = [];
    aWorker(cluster, (job) => done.push(`one ${job.name}`), 'one');
    aWorker(cluster, (job) => done.push(`other ${job.name}`), 'other');
    await Promise.all([one?.add('a', 1), other?.add('b', 1), one?.add('c', 1, { delay: MINUTE_MS })]);
    await cluster.drain();
    expect(done.toSorted()).toEqual(['one a', 'other b']);
    expect(await one?.getJobCounts()).toMatchObject({ completed: 1, delayed: 1 });
    expect(await other?.getJobCounts()).toMatchObject({ completed: 1, delayed: 0 });
  });
});

describe('the clock of a test cluster', () => {
  it('passes no time by itself, and is the time of jobs', async () => {
    const cluster = await aCluster();
    const queue = new Queue('work', { connection: cluster });
    expect((await queue.add('n', 1)).timestamp).toBe(NOON.getTime());
    await cluster.clock.advance(5 * MINUTE_MS);
    const later = await queue.add('n', 2);
    expect(later.timestamp).toBe(NOON.getTime() + 5 * MINUTE_MS);
    expect((await queue.getJob(later.id))?.timestamp).toBe(later.timestamp);
    const finished: (number | undefined)[] = [];
    aWorker(cluster, () => 'x').on('completed', (job) => finished.push(job.finishedOn));
    await cluster.drain();
    expect(finished).toEqual([later.timestamp, later.timestamp]);
  });

  it('ends a delay when it is advanced by it, and not before', async () => {
    const cluster = await aCluster();
    const queue = new Queue('work', { connection: cluster });
    const done: string[] = [];
    aWorker(cluster, (job) => done.push(job.name));
    await queue.add('late', 1, { delay: 90 * MINUTE_MS });
    await cluster.clock.advance(90 * MINUTE_MS - 1);
    expect(done).toEqual([]);
    await cluster.clock.advance(1);
    expect(done).toEqual(['late']);
  });

  it('ends the backoff of a failed attempt', async () => {
    const cluster = await aCluster();
    const queue = new Queue('work', { connection: cluster });
    const attempts: number[] = [];
    aWorker(cluster, (job) => {
      attempts.push(job.attemptsMade);
      throw new Error('not yet');
    });
    const { id } = await queue.add('n', 1, { attempts: 3, backoff: { type: 'fixed', delay: 10_000 } });
    await cluster.drain();
    expect(attempts).toEqual([0]);
    await cluster.clock.advance(9_999);
    expect(attempts).toEqual([0]);
    await cluster.clock.advance(1);
    expect(attempts).toEqual([0, 1]);
    await cluster.clock.advance(10_000);
    expect(attempts).toEqual([0, 1, 2]);
    expect(await queue.getJob(id)).toMatchObject({ failedReason: 'not yet', state: 'failed' });
  });

  it('passes every point in time on the way, in order', async () => {
    const cluster = await aCluster();
    const queue = new Queue('work', { connection: cluster });
    const times: number[] = [];
    aWorker(cluster, async () => {
      times.push(cluster.clock.wallMs() - NOON.getTime());
      if (times.length < 4) await queue.add('next', 1, { delay: MINUTE_MS });
    });
    await queue.add('first', 1, { delay: MINUTE_MS });
    await Promise.all([cluster.clock.advance(3 * MINUTE_MS), cluster.clock.advance(2 * MINUTE_MS)]);
    expect(times).toEqual([1, 2, 3, 4].map((minutes) => minutes * MINUTE_MS));
    expect(cluster.clock.wallMs()).toBe(NOON.getTime() + 5 * MINUTE_MS);
  });

  it('lets a worker renew the lease of a job that takes long', async () => {
    const cluster = await aCluster({ nodes: 3 });
    const queue = new Queue('work', { connection: cluster });
    const worker = aWorker(cluster, () => cluster.clock.sleep(10 * MINUTE_MS));
    const stalled: unknown[] = [];
    worker.on('stalled', (job) => stalled.push(job));
    await queue.add('long', 1);
    await cluster.clock.advance(10 * MINUTE_MS - 1);
    expect(await queue.getJobCounts()).toMatchObject({ active: 1, completed: 0 });
    await cluster.clock.advance(1);
    expect(await queue.getJobCounts()).toMatchObject({ active: 0, completed: 1 });
    expect(stalled).toEqual([]);
  });

  it('rejects a call by its deadline', async () => {
    const cluster = await aCluster();
    const away = cluster.connect();
    const queue = new Queue('work', { connection: away });
    await queue.add('n', 1);
    away.disconnect();
    const added = queue.add('n', 2).catch((error: unknown) => error);
    await cluster.clock.advance(11_000);
    expect(await added).toBeInstanceOf(DeadlineError);
    away.reconnect();
    const again = queue.add('n', 3);
    await cluster.clock.advance(1_000);
    expect((await again).name).toBe('n');
  });
});

describe('a process that is disconnected', () => {
  it('loses the leases of its jobs: they stall, and another worker gets them', async () => {
    const cluster = await aCluster();
    const away = cluster.connect();
    const queue = new Queue('work', { connection: cluster });
    const hanging = new Worker('work', () => cluster.clock.sleep(10 * MINUTE_MS), { connection: away });
    const errors: unknown[] = [];
    hanging.on('stalled', (_job, error) => errors.push(error));
    hanging.on('error', () => undefined);
    await queue.add('n', 1);
    await cluster.clock.advance(2 * MINUTE_MS);
    expect(await queue.getJobCounts()).toMatchObject({ active: 1 });
    away.disconnect();
    await cluster.clock.advance(19_000);
    expect(await queue.getJobCounts()).toMatchObject({ active: 1 });
    await cluster.clock.advance(12_000);
    expect(await queue.getJobCounts()).toMatchObject({ active: 0, waiting: 1 });
    const stalls: number[] = [];
    aWorker(cluster, (job) => stalls.push(job.stalledCounter));
    await cluster.drain();
    expect(stalls).toEqual([1]);
    expect(errors).toEqual([]);
    away.reconnect();
    await cluster.clock.advance(MINUTE_MS);
    expect(errors).toEqual([expect.any(LeaseLostError)]);
  });
});

describe('a test cluster that was closed', () => {
  it('rejects calls and ends workers, and may be closed twice', async () => {
    const cluster = await startTestCluster();
    const queue = new Queue('work', { connection: cluster });
    const worker = new Worker('work', () => cluster.clock.sleep(MINUTE_MS), { connection: cluster });
    const errors: unknown[] = [];
    worker.on('error', (error) => errors.push(error));
    await queue.add('n', 1);
    const sleeping = cluster.clock.sleep(1).catch((error: unknown) => error);
    await Promise.all([cluster.close(), cluster.close()]);
    expect(await sleeping).toBeInstanceOf(ClusterClosedError);
    await worker.run();
    expect(errors).toEqual([expect.any(ClusterClosedError)]);
    for (const call of [queue.add('n', 2), cluster.clock.advance(1), cluster.clock.sleep(1), cluster.drain()])
      await expect(call).rejects.toBeInstanceOf(ClusterClosedError);
    expect(cluster.isClosed).toBe(true);
    await queue.close();
  });

  it('rejects an advance that has not ended', async () => {
    const cluster = await startTestCluster();
    const advance = cluster.clock.advance(MINUTE_MS).catch((error: unknown) => error);
    await cluster.close();
    expect(await advance).toBeInstanceOf(ClusterClosedError);
  });
});

describe('a wrong argument', () => {
  it.each<[TestClusterOptions, RegExp]>([
    [{ nodes: 0 }, /"nodes" has the value 0\. Give a whole number from 1 to 13/],
    [{ now: Number.NaN }, /"now" has the value NaN\. Give a date/],
    [{ seed: 0.5 }, /"seed" has the value 0\.5\. Give a whole number/],
    [{ node: 3 } as never, /"node" .*Did you mean "nodes"\?/],
  ])('of startTestCluster is named: %j', async (options, message) => {
    const error: unknown = await startTestCluster(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(message);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined, null])('of the clock is named: %j', async (odd) => {
    const { clock } = await aCluster();
    await expect(clock.advance(odd as never)).rejects.toBeInstanceOf(ConfigError);
    await expect(clock.sleep(odd as never)).rejects.toThrow(/"ms" .*Give a number of milliseconds/);
  });

  it('of faultsOf is named: a test cluster has no threads to end', async () => {
    const cluster = await aCluster();
    expect(() => faultsOf(cluster as never)).toThrow(/"cluster" .*Give what startCluster\(\) returned/);
  });
});
