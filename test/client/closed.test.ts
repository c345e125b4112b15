import { afterEach, describe, expect, it, vi } from 'vitest';
import { Client } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import { ClientClosedError, ClusterClosedError, NoNodesRunningError } from '../../src/client/errors.ts';
import { Queue } from '../../src/client/queue.ts';
import { type Processor, Worker } from '../../src/client/worker.ts';
import type { OperationResult } from '../../src/queue/reply.ts';
import { eventually } from './eventually.ts';
import { FakeCluster } from './fake-cluster.ts';
import { countTimeInTurns } from './turn-time.ts';

const opened: { readonly cluster: FakeCluster; readonly client: Client }[] = [];

function aSetting(options: ClientOptions = {}) {
  const cluster = new FakeCluster();
  const client = new Client(cluster, options);
  opened.push({ cluster, client });
  return { cluster, client, queue: new Queue<number>('numbers', { connection: client }) };
}

countTimeInTurns();

afterEach(async () => {
  for (const { cluster, client } of opened.splice(0)) {
    cluster.start(1);
    cluster.elect(1);
    cluster.resume();
    await client.close();
    cluster.close();
  }
});

const outcomeOf = (call: Promise<unknown>): Promise<unknown> => call.catch((reason: unknown) => reason);

/** A worker that is at work on a job that does not end by itself. */
async function aBusyWorker(client: Client, queue: Queue<number>) {
  await queue.add('n', 1);
  let signal: AbortSignal | undefined;
  const processor: Processor<number, unknown> = (_job, context) => {
    signal = context.signal;
    return new Promise(() => undefined);
  };
  const worker = new Worker('numbers', processor, { connection: client });
  const events: string[] = [];
  worker.on('closed', () => events.push('closed'));
  await eventually(() => expect(signal).toBeDefined());
  return { worker, events, signal: () => signal };
}

/** Warnings of the process, caught. */
function watchWarnings() {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  return { warned, [Symbol.dispose]: () => warned.mockRestore() };
}

describe('a cluster that was closed', () => {
  it.each<[string, (client: Client, queue: Queue<number>) => Promise<unknown>]>([
    ['add', (_, queue) => queue.add('n', 1)],
    ['addBulk', (_, queue) => queue.addBulk([{ name: 'n', data: 1 }])],
    ['getJob', (_, queue) => queue.getJob(1)],
    ['getJob, stale', (_, queue) => queue.getJob(1, { consistency: 'stale' })],
    ['getJobCounts', (_, queue) => queue.getJobCounts()],
    ['removeJob', (_, queue) => queue.removeJob(1)],
    ['waitUntilReady', (_, queue) => queue.waitUntilReady()],
    ['connect', (client) => client.connect()],
    ['status', (client) => client.status(1)],
    ['log', (client) => client.log(1)],
    ['changeMembership', (client) => client.changeMembership(1, {})],
    ['transferLeadership', (client) => client.transferLeadership(1)],
  ])('rejects %s at once', async (_, call) => {
    const { cluster, client, queue } = aSetting();
    await queue.add('n', 0);
    cluster.end();
    const error = await outcomeOf(call(client, queue));
    expect(error).toBeInstanceOf(ClusterClosedError);
    expect(error).toMatchObject({ code: 'CLUSTER_CLOSED', outcome: 'not-applied', message: expect.stringContaining('startCluster()') });
  });

  it('rejects the calls of a client that is made afterwards', async () => {
    const cluster = new FakeCluster();
    cluster.end();
    const client = new Client(cluster);
    expect(await outcomeOf(client.connect())).toBeInstanceOf(ClusterClosedError);
    await client.close();
  });

  it('rejects a call that was sent as unknown, and one that was not as not applied', async () => {
    const { cluster, queue } = aSetting({ outstandingBatchesMax: 1 });
    await queue.add('n', 0);
    cluster.isPaused = true;
    const sent = outcomeOf(queue.add('n', 1));
    await new Promise(setImmediate);
    const unsent = outcomeOf(queue.add('n', 2));
    cluster.end();
    expect(await unsent).toMatchObject({ code: 'CLUSTER_CLOSED', outcome: 'not-applied' });
    expect(await sent).toMatchObject({ code: 'CLUSTER_CLOSED', outcome: 'unknown' });
  });

  it('does not take an answer away that its node gave before', async () => {
    const { cluster, queue } = aSetting();
    await queue.add('n', 0);
    cluster.afterTurn = () => cluster.end();
    expect(await queue.add('n', 1)).toMatchObject({ id: 2 });
  });

  it('lets a client close at once, which it no longer knows', async () => {
    const { cluster, client, queue } = aSetting();
    await queue.add('n', 0);
    await client.close();
    expect(cluster.closedListeners).toBe(0);
    cluster.end();
    expect(await outcomeOf(queue.add('n', 1))).toBeInstanceOf(ClientClosedError);
  });
});

describe('a worker whose cluster is closed', () => {
  it('says so once, breaks off what it does, and stops', async () => {
    const { cluster, client, queue } = aSetting();
    const { worker, events, signal } = await aBusyWorker(client, queue);
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    cluster.end();
    expect(worker.isRunning).toBe(false);
    await worker.run();
    expect(errors).toEqual([expect.any(ClusterClosedError)]);
    expect(events).toEqual(['closed']);
    expect(signal()?.aborted).toBe(true);
  });

  it('says it as one warning when nobody listens', async () => {
    using warnings = watchWarnings();
    const { cluster, client, queue } = aSetting();
    const { worker } = await aBusyWorker(client, queue);
    cluster.end();
    await worker.run();
    expect(warnings.warned).toHaveBeenCalledOnce();
    expect(warnings.warned).toHaveBeenCalledWith(expect.any(ClusterClosedError));
  });

  it('says it too when it waits for a job, and when it was made afterwards', async () => {
    const { cluster, client, queue } = aSetting();
    await queue.add('n', 0);
    const errors: Error[] = [];
    const early = new Worker('numbers', () => 1, { connection: client }).on('error', (error) => errors.push(error));
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    cluster.end();
    const late = new Worker('numbers', () => 1, { connection: client }).on('error', (error) => errors.push(error));
    await Promise.all([early.run(), late.run()]);
    expect(errors).toEqual([expect.any(ClusterClosedError), expect.any(ClusterClosedError)]);
  });
});

describe('a worker whose client is closed by its owner', () => {
  it('says so once, gives back what it does, and stops', async () => {
    const { cluster, client, queue } = aSetting();
    const { worker, events, signal } = await aBusyWorker(client, queue);
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    await client.close();
    await worker.run();
    expect(errors).toEqual([expect.any(ClientClosedError)]);
    expect(worker.isRunning).toBe(false);
    expect(events).toEqual(['closed']);
    expect(signal()?.aborted).toBe(true);
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 1, active: 0 });
  });
});

describe('a cluster of which no node runs', () => {
  it('rejects calls at once', async () => {
    const { cluster, client, queue } = aSetting();
    await queue.add('n', 0);
    cluster.stop(1);
    await new Promise(setImmediate);
    for (const call of [queue.add('n', 1), queue.getJob(1), client.connect(), queue.getJobCounts({ consistency: 'stale' })]) {
      const error = await outcomeOf(call);
      expect(error).toBeInstanceOf(NoNodesRunningError);
      expect(error).toMatchObject({ code: 'NO_NODES_RUNNING', outcome: 'not-applied', message: expect.stringContaining('restart(node)') });
    }
  });

  it('answers a call that was sent before once a node is started', async () => {
    const { cluster, queue } = aSetting();
    await queue.add('n', 0);
    cluster.isPaused = true;
    const add = queue.add('n', 1);
    await new Promise(setImmediate);
    cluster.stop(1);
    await new Promise(setImmediate);
    expect(await outcomeOf(queue.add('n', 2))).toBeInstanceOf(NoNodesRunningError);
    cluster.start(1);
    cluster.elect(1);
    cluster.resume();
    expect(await add).toMatchObject({ id: 2 });
  });

  it('is the reason when the time of a call is over that was not sent', async () => {
    const { cluster, client } = aSetting({ deadlineMs: 40 });
    await client.connect();
    cluster.stop(1);
    await new Promise(setImmediate);
    const claim = new Promise<OperationResult | Error>((resolve) => {
      client.pipeline.open(64, true).claim('numbers', { countMax: 1, beginMax: 1, leaseMs: 1_000, waitMs: 0, stalledMax: 1, holder: 0 });
      client.pipeline.commit({ onResult: resolve, onError: resolve });
    });
    expect(await claim).toBeInstanceOf(NoNodesRunningError);
  });

  it('has workers that go on when a node is started', async () => {
    const { cluster, client, queue } = aSetting();
    const done: number[] = [];
    const worker = new Worker<number>('numbers', (job) => done.push(job.data), { connection: client });
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    cluster.stop(1);
    await new Promise(setImmediate);
    cluster.start(1);
    cluster.elect(1);
    await queue.add('n', 1);
    await eventually(() => expect(done).toEqual([1]));
    await worker.close();
    expect(errors).toEqual([]);
  });
});
