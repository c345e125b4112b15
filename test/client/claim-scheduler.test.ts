import { afterEach, describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/base/bytes.ts';
import { Client } from '../../src/client/api/client.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { type Processor, Worker, type WorkerOptions } from '../../src/client/worker/worker.ts';
import { COMMANDS } from '../../src/protocol/commands.ts';
import { readRequestHeader } from '../../src/protocol/request-encoder.ts';
import { OperationReader } from '../../src/protocol/request-reader.ts';
import { eventually } from './eventually.ts';
import { FakeCluster, type SeenRequest } from './fake-cluster.ts';
import { countTimeInTurns } from './turn-time.ts';

const toClose: (() => Promise<void> | void)[] = [];

countTimeInTurns();

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

function aSetting(nodes: readonly number[] = [1], deadlineMs = 10_000) {
  const cluster = new FakeCluster(nodes);
  const client = new Client(cluster, { silenceMs: 50, deadlineMs });
  toClose.push(
    () => client.close(),
    () => cluster.close(),
  );
  const queueOf = (name: string): Queue<number> => new Queue<number>(name, { connection: client });
  const aWorker = (name: string, processor: Processor<number, unknown>, options: Partial<WorkerOptions> = {}): Worker<number> => {
    const worker = new Worker<number>(name, processor, { connection: client, claimWaitMs: 60_000, ...options });
    toClose.unshift(() => worker.close(true));
    return worker;
  };
  return { cluster, client, queueOf, aWorker };
}

/** The waiting claims among these requests: their queue, and how many jobs they request. */
function waitingClaims(requests: readonly SeenRequest[]): { queue: string; count: number }[] {
  const operation = new OperationReader();
  const claims: { queue: string; count: number }[] = [];
  for (const { bytes } of requests) {
    const reader = new ByteReader(bytes);
    readRequestHeader(reader);
    operation.begin();
    operation.next(reader, 2);
    if (operation.code === COMMANDS.claim.code && operation.waitMs > 0) {
      claims.push({ queue: operation.queueName, count: operation.countMax });
    }
  }
  return claims;
}

describe('idle workers of one client', () => {
  it('share one waiting claim for each queue', async () => {
    const { cluster, aWorker } = aSetting();
    for (let n = 0; n < 1_100; n += 1) aWorker('a', async () => 1, { concurrency: 1 + (n % 2) });
    aWorker('b', async () => 1, { concurrency: 7 });
    await eventually(() => expect(cluster.parkedClaims).toBe(2));
    expect(waitingClaims(cluster.requests)).toEqual([
      { queue: 'a', count: 1_650 },
      { queue: 'b', count: 7 },
    ]);
  });

  it('do not block a worker of another queue, for any number of queues', async () => {
    const { cluster, queueOf, aWorker } = aSetting();
    for (let n = 0; n < 1_100; n += 1) aWorker(`idle ${n}`, async () => 1);
    await eventually(() => expect(cluster.parkedClaims).toBe(1_100));
    const done = new Promise<void>((resolve) => aWorker('b', async () => resolve()));
    await eventually(() => expect(cluster.parkedClaims).toBe(1_101));
    await queueOf('b').add('n', 1);
    await done;
  });

  it('are served in turn', async () => {
    const { cluster, queueOf, aWorker } = aSetting();
    const begun: string[] = [];
    for (const name of ['x', 'y', 'z']) aWorker('a', async () => void begun.push(name));
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    for (let n = 0; n < 9; n += 1) {
      await queueOf('a').add('n', n);
      await eventually(() => expect(cluster.machine.counts('a').completed).toBe(n + 1));
      await eventually(() => expect(cluster.parkedClaims).toBe(1));
    }
    expect(begun).toEqual(['x', 'y', 'z', 'x', 'y', 'z', 'x', 'y', 'z']);
  });

  it('share the jobs that arrive at once', async () => {
    const { cluster, queueOf, aWorker } = aSetting();
    const begun = new Map<string, number>();
    for (const name of ['x', 'y', 'z']) {
      const processor = (): Promise<void> => {
        begun.set(name, (begun.get(name) ?? 0) + 1);
        return new Promise(() => undefined);
      };
      aWorker('a', processor, { concurrency: 10 });
    }
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    await queueOf('a').addBulk(Array.from({ length: 9 }, (_, n) => ({ name: 'n', data: n })));
    await eventually(() => expect(Object.fromEntries(begun)).toEqual({ x: 3, y: 3, z: 3 }));
  });

  it('request fewer jobs when one of them closes, and the others continue', async () => {
    const { cluster, queueOf, aWorker } = aSetting();
    const begun: number[] = [];
    const stays = aWorker('a', async (job) => void begun.push(job.data), { concurrency: 2 });
    const goes = aWorker('a', async () => 1, { concurrency: 5 });
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    await goes.close();
    await eventually(() => expect(waitingClaims(cluster.requests).map(({ count }) => count)).toEqual([7, 2]));
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    await queueOf('a').add('n', 42);
    await eventually(() => expect(begun).toEqual([42]));
    await stays.close();
    expect(cluster.parkedClaims).toBe(0);
  });

  it('with leases of different lengths wait with separate claims', async () => {
    const { cluster, aWorker } = aSetting();
    aWorker('a', async () => 1, { lockDuration: 1_000 });
    aWorker('a', async () => 1, { lockDuration: 2_000 });
    await eventually(() => expect(cluster.parkedClaims).toBe(2));
  });

  it('begin to wait again after a time without a leader', async () => {
    const { cluster, queueOf, aWorker } = aSetting([1], 30);
    const begun: number[] = [];
    const worker = aWorker('a', async (job) => void begun.push(job.data), { claimWaitMs: 20 });
    const failed = new Promise<Error>((resolve) => worker.on('error', resolve));
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    cluster.leader = undefined;
    await failed;
    cluster.elect(1);
    await eventually(() => queueOf('a').add('n', 5));
    await eventually(() => expect(begun).toEqual([5]));
  });
});

describe('a waiting claim that is cancelled', () => {
  it('is cancelled again at the node that it is sent to next', async () => {
    const { cluster, queueOf, aWorker } = aSetting([1, 2]);
    const worker = aWorker('a', async () => 1);
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    cluster.silent.add(1);
    const closing = worker.close();
    await new Promise((resolve) => setImmediate(resolve));
    cluster.elect(2);
    await closing;
    expect(cluster.parkedClaims).toBe(0);
    await queueOf('a').add('n', 1);
    expect(cluster.machine.counts('a')).toMatchObject({ waiting: 1, active: 0 });
  });

  it('gives back the jobs that it took just before', async () => {
    const { cluster, queueOf, aWorker } = aSetting();
    const worker = aWorker('a', async () => 1);
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    // Both arrive in the same turn of the cluster, the job first.
    cluster.isPaused = true;
    const adding = queueOf('a').add('n', 1);
    const closing = worker.close();
    await new Promise((resolve) => setImmediate(resolve));
    cluster.resume();
    await Promise.all([adding, closing]);
    expect(cluster.machine.counts('a')).toMatchObject({ waiting: 1, active: 0 });
  });

  it('ends at once when no node has it', async () => {
    const { cluster, aWorker } = aSetting([1], 60_000);
    const worker = aWorker('a', async () => 1);
    await worker.waitUntilReady();
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    cluster.parkedClaimsMax = 0;
    cluster.retryAfterMs = 60_000;
    const rejected = aWorker('b', async () => 1);
    await eventually(() => expect(waitingClaims(cluster.requests)).toHaveLength(2));
    await rejected.close();
  });
});

describe('a claim beyond the cluster’s limit of waiting claims', () => {
  it('is sent again after the pause that the node requests, and never enters the log meanwhile', async () => {
    const { cluster, queueOf, aWorker } = aSetting();
    cluster.parkedClaimsMax = 0;
    const begun: number[] = [];
    const errors: Error[] = [];
    const worker = aWorker('a', async (job) => void begun.push(job.data), { claimWaitMs: 100 });
    worker.on('error', (error) => errors.push(error));
    await eventually(() => expect(waitingClaims(cluster.requests).length).toBeGreaterThan(10));
    const applied = cluster.appliedRequests;
    await eventually(() => expect(waitingClaims(cluster.requests).length).toBeGreaterThan(20));
    expect(cluster.appliedRequests).toBe(applied);
    await queueOf('a').add('n', 7);
    await eventually(() => expect(begun).toEqual([7]));
    expect(errors).toEqual([]);
  });

  it('is no error if no node held it until its end', async () => {
    const { cluster, aWorker } = aSetting([1], 30);
    cluster.parkedClaimsMax = 0;
    // After its end: no sending is unanswered then.
    cluster.retryAfterMs = 60_000;
    const errors: Error[] = [];
    const worker = aWorker('a', async () => 1, { claimWaitMs: 10 });
    worker.on('error', (error) => errors.push(error));
    const differentClaims = (): number => new Set(cluster.requests.map(({ client, sequence }) => `${client} ${sequence}`)).size;
    await eventually(() => expect(differentClaims()).toBeGreaterThan(5));
    expect(errors).toEqual([]);
  });
});
