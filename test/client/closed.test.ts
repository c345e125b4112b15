import { afterEach, describe, expect, it, vi } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import { Queue } from '../../src/client/api/queue.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import { ClientClosedError, ClusterClosedError, NoNodesRunningError, QuorumLostError } from '../../src/client/errors.ts';
import { type Processor, Worker } from '../../src/client/worker/worker.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import { StorageError } from '../../src/storage/errors.ts';
import { eventually } from './eventually.ts';
import { FakeCluster } from './fake-cluster.ts';
import { countTimeInTurns } from './turn-time.ts';
import { aGate } from './worker-setting.ts';

const opened: { readonly cluster: FakeCluster; readonly client: Client }[] = [];

function aSetting(options: ClientOptions = {}, nodes: readonly number[] = [1]) {
  const cluster = new FakeCluster(nodes);
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

/** A worker that runs a job until the test ends it. */
async function aBusyWorker(client: Client, queue: Queue<number>) {
  await queue.add('n', 1);
  let signal: AbortSignal | undefined;
  const gate = aGate();
  const processor: Processor<number, unknown> = (_job, _token, given) => {
    signal = given;
    return gate.opened;
  };
  const worker = new Worker('numbers', processor, { connection: client });
  const events: string[] = [];
  worker.on('closed', () => events.push('closed'));
  await eventually(() => expect(signal).toBeDefined());
  return { worker, events, signal: () => signal, end: gate.open };
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
    ['getJob', (_, queue) => queue.getJob('1')],
    ['getJob, stale', (_, queue) => queue.getJob('1', { consistency: 'stale' })],
    ['getJobCounts', (_, queue) => queue.getJobCounts()],
    ['getJobState', (_, queue) => queue.getJobState('1')],
    ['remove', (_, queue) => queue.remove('1')],
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

  it('does not take a reply away that its node gave before', async () => {
    const { cluster, queue } = aSetting();
    await queue.add('n', 0);
    cluster.afterTurn = () => cluster.end();
    expect(await queue.add('n', 1)).toMatchObject({ id: '2' });
  });

  it('lets a client that it no longer knows close at once', async () => {
    const { cluster, client, queue } = aSetting();
    await queue.add('n', 0);
    await client.close();
    expect(cluster.closedListeners).toBe(0);
    cluster.end();
    expect(await outcomeOf(queue.add('n', 1))).toBeInstanceOf(ClientClosedError);
  });
});

describe('a worker whose cluster is closed', () => {
  it('emits one error, aborts its jobs, and stops', async () => {
    const { cluster, client, queue } = aSetting();
    const { worker, events, signal } = await aBusyWorker(client, queue);
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    cluster.end();
    expect(worker.isRunning()).toBe(false);
    await worker.run();
    expect(errors).toEqual([expect.any(ClusterClosedError)]);
    expect(events).toEqual(['closed']);
    expect(signal()?.aborted).toBe(true);
  });

  it('emits one warning when there is no listener', async () => {
    using warnings = watchWarnings();
    const { cluster, client, queue } = aSetting();
    const { worker } = await aBusyWorker(client, queue);
    cluster.end();
    await worker.run();
    expect(warnings.warned).toHaveBeenCalledOnce();
    expect(warnings.warned).toHaveBeenCalledWith(expect.any(ClusterClosedError));
  });

  it('emits the error also if it waits for a job, or is created afterwards', async () => {
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
  it('emits one error, gives back its jobs, and stops', async () => {
    const { cluster, client, queue } = aSetting();
    const { worker, events, signal } = await aBusyWorker(client, queue);
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    await client.close();
    await worker.run();
    expect(errors).toEqual([expect.any(ClientClosedError)]);
    expect(worker.isRunning()).toBe(false);
    expect(events).toEqual(['closed']);
    expect(signal()?.aborted).toBe(true);
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 1, active: 0 });
  });
});

describe('a cluster without a running node', () => {
  it('rejects calls at once', async () => {
    const { cluster, client, queue } = aSetting();
    await queue.add('n', 0);
    cluster.stop(1);
    await new Promise(setImmediate);
    for (const call of [queue.add('n', 1), queue.getJob('1'), client.connect(), queue.getJobCounts({ consistency: 'stale' })]) {
      const error = await outcomeOf(call);
      expect(error).toBeInstanceOf(NoNodesRunningError);
      expect(error).toMatchObject({ code: 'NO_NODES_RUNNING', outcome: 'not-applied', message: expect.stringContaining('restart(node)') });
    }
  });

  it('replies to a call that was sent before once a node is started', async () => {
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
    expect(await add).toMatchObject({ id: '2' });
  });

  it('is the reason of the rejection of an unsent call at its deadline', async () => {
    const { cluster, client } = aSetting({ deadlineMs: 40 });
    await client.connect();
    cluster.stop(1);
    await new Promise(setImmediate);
    const claim = new Promise<OperationResult | Error>((resolve) => {
      client.dispatcher.open(64, true).claim('numbers', { countMax: 1, beginMax: 1, leaseMs: 1_000, waitMs: 0, stalledMax: 1, holder: 0 });
      client.dispatcher.commit({ onResult: resolve, onError: resolve });
    });
    expect(await claim).toBeInstanceOf(NoNodesRunningError);
  });

  it('has workers that continue when a node is started', async () => {
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

describe('a cluster without a running majority because the disk is full', () => {
  const cause = new StorageError('STORAGE_FULL', 'Node 1: the disk is full. Free space on the disk.');

  it.each([
    ['its last node', [1, 2]],
    ['its leader', [1]],
  ])('rejects calls at once when it has stopped %s: sent ones as unknown, the others as not applied', async (_, stopped) => {
    const { cluster, client, queue } = aSetting({ outstandingBatchesMax: 1 }, [1, 2]);
    await queue.add('n', 0);
    cluster.isPaused = true;
    const sent = outcomeOf(queue.add('n', 1));
    await new Promise(setImmediate);
    const unsent = outcomeOf(queue.add('n', 2));
    await new Promise(setImmediate);
    const gathering = outcomeOf(queue.add('n', 3));
    const startMs = performance.now();
    cluster.outage = cause;
    for (const node of stopped) cluster.stop(node);
    for (const [call, outcome] of [[sent, 'unknown'] as const, [unsent, 'not-applied'] as const, [gathering, 'not-applied'] as const]) {
      const error = await call;
      expect(error).toBeInstanceOf(QuorumLostError);
      expect(error).toMatchObject({
        outcome,
        cause,
        message: expect.stringContaining('STORAGE_FULL: Node 1: the disk is full. Free space'),
      });
    }
    expect(performance.now() - startMs).toBeLessThan(250);
    for (const call of [queue.add('n', 4), queue.getJobCounts(), client.connect()])
      expect(await outcomeOf(call)).toMatchObject({ code: 'QUORUM_LOST', outcome: 'not-applied', cause });
    expect(client.dispatcher.operations).toBe(0);
    cluster.outage = undefined;
    for (const node of stopped) cluster.start(node);
    cluster.elect(1);
    cluster.resume();
    await queue.add('n', 5);
    // The first, the one that was sent before, and the last.
    expect(cluster.machine.counts('numbers').waiting).toBe(3);
  });

  it('still shows the state of a running node', async () => {
    const { cluster, queue } = aSetting({}, [1, 2]);
    await queue.add('n', 0);
    cluster.outage = cause;
    cluster.stop(1);
    await new Promise(setImmediate);
    expect(await queue.getJobCounts({ consistency: 'stale' })).toMatchObject({ waiting: 1 });
  });

  it('has workers that report their jobs and continue once it runs again', async () => {
    const { cluster, client, queue } = aSetting();
    const { worker, end } = await aBusyWorker(client, queue);
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    cluster.outage = cause;
    cluster.stop(1);
    await new Promise(setImmediate);
    end();
    expect(await outcomeOf(queue.add('n', 2))).toBeInstanceOf(QuorumLostError);
    cluster.outage = undefined;
    cluster.start(1);
    cluster.elect(1);
    await queue.add('n', 3);
    await eventually(() => expect(cluster.machine.counts('numbers')).toMatchObject({ completed: 2, active: 0 }));
    await worker.close();
    expect(errors).toEqual([]);
  });
});

describe('the error of a cluster without a majority', () => {
  const cause = new StorageError('STORAGE_FULL', 'Full.');

  it.each<[readonly number[], string]>([
    [[1], "No majority of the cluster's nodes runs (its nodes: 1, 2, 3; running: 1). STORAGE_FULL: Full."],
    [[], "No majority of the cluster's nodes runs (its nodes: 1, 2, 3; running: none). STORAGE_FULL: Full."],
    // The process that hosts them is stopped.
    [[1, 2, 3], "No majority of the cluster's nodes replies (its nodes: 1, 2, 3). STORAGE_FULL: Full."],
  ])('says whether they run: %j', (running, text) => {
    const { message } = new QuorumLostError([1, 2, 3], running, cause, 'not-applied');
    expect(message.slice(0, text.length)).toBe(text);
  });
});
