import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Cluster } from 'jobraft';
import { ClusterClosedError, Queue, startCluster, Worker } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from './support.ts';

const entry = join(resolve(import.meta.dirname, '../..'), 'dist/src/index.js');

const calls: readonly [string, (cluster: Cluster) => Promise<unknown>][] = [
  ['status', (cluster) => cluster.status(1)],
  ['log', (cluster) => cluster.log(1)],
  ['leader', (cluster) => cluster.leader()],
  ['waitForLeader', (cluster) => cluster.waitForLeader()],
  ['metrics', (cluster) => cluster.metrics()],
  ['replicaStates', (cluster) => cluster.replicaStates()],
  ['stop', (cluster) => cluster.stop(1)],
  ['kill', (cluster) => faultsOf(cluster).kill(1)],
  ['restart', (cluster) => cluster.restart(1)],
  ['repair', (cluster) => cluster.repair(1)],
  ['members', (cluster) => cluster.members()],
  ['addNode', (cluster) => cluster.addNode()],
  ['removeNode', (cluster) => cluster.removeNode(1)],
  ['changeMembers', (cluster) => cluster.changeMembers({ add: [2] })],
  ['transferLeadership', (cluster) => cluster.transferLeadership()],
  ['pause', (cluster) => faultsOf(cluster).pause(1, 1)],
  ['isolate', (cluster) => faultsOf(cluster).isolate(1)],
  ['partition', (cluster) => faultsOf(cluster).partition([[1]])],
  ['heal', (cluster) => faultsOf(cluster).heal()],
  ['delay', (cluster) => faultsOf(cluster).delay(1)],
  ['drop', (cluster) => faultsOf(cluster).drop(0)],
];

const outcomeOf = (call: Promise<unknown>): Promise<unknown> => call.catch((reason: unknown) => reason);

describe('a cluster that was closed', () => {
  it('rejects every call at once, except another close', async () => {
    const cluster = await startCluster({ nodes: 1, storage: 'memory' });
    const queue = new Queue('q', { connection: cluster });
    await queue.add('x', 1);
    await Promise.all([cluster.close(), cluster.close()]);
    for (const [name, call] of calls) expect(await outcomeOf(call(cluster)), name).toBeInstanceOf(ClusterClosedError);
    expect(cluster.isRunning(1)).toBe(false);
    expect(await outcomeOf(queue.add('x', 2))).toBeInstanceOf(ClusterClosedError);
    await queue.close();
    await cluster.close();
  });

  it('rejects calls in progress', async () => {
    const cluster = await startCluster({ nodes: 3, storage: 'memory' });
    await cluster.stop(2);
    await cluster.stop(3);
    // The remaining node may still lead for an election timeout.
    await eventually('no leader', async () => (await cluster.leader()) === undefined);
    const underWay = [cluster.waitForLeader(600_000), cluster.members(), cluster.restart(2)].map(outcomeOf);
    await cluster.close();
    for (const outcome of underWay) expect(await outcome).toBeInstanceOf(ClusterClosedError);
  });

  it('leaves every call with an outcome, and no job acknowledged that is not there', async () => {
    const cluster = await startCluster({ nodes: 3, storage: 'memory' });
    const queue = new Queue('q', { connection: cluster });
    await queue.add('x', 0);
    const adds = Array.from({ length: 500 }, async (_, n) => {
      await new Promise(setImmediate);
      return await outcomeOf(queue.add('x', n));
    });
    await new Promise(setImmediate);
    await cluster.close();
    for (const outcome of await Promise.all(adds)) {
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'CLUSTER_CLOSED' });
      else expect(outcome).toMatchObject({ id: expect.stringMatching(/^[1-9]\d*$/) });
    }
  });

  it('ends a worker that was closed before and still waits for its job', async () => {
    const cluster = await startCluster({ nodes: 1, storage: 'memory' });
    const queue = new Queue('q', { connection: cluster });
    const signals: AbortSignal[] = [];
    const hang = (_job: unknown, _token: string, signal: AbortSignal): Promise<never> => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const worker = new Worker('q', hang, { connection: cluster });
    const errors: unknown[] = [];
    worker.on('error', (error) => errors.push(error));
    await queue.add('x', 0);
    await eventually('a job that runs', async () => signals.length === 1);
    const closing = worker.close();
    await cluster.close();
    await closing;
    expect(errors).toEqual([expect.any(ClusterClosedError)]);
    expect(signals[0]?.aborted).toBe(true);
  });

  it('ends its workers, which report it once', async () => {
    const cluster = await startCluster({ nodes: 1, storage: 'memory' });
    const worker = new Worker('q', () => 1, { connection: cluster });
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    await worker.waitUntilReady();
    await cluster.close();
    await worker.run();
    expect(errors).toEqual([expect.any(ClusterClosedError)]);
    expect(worker.isRunning()).toBe(false);
  });

  it('keeps no process alive, whatever is still connected to it', () => {
    const program = `
      const { startCluster, Queue, Worker } = await import(${JSON.stringify(entry)});
      const cluster = await startCluster({ nodes: 3, storage: 'memory' });
      const queue = new Queue('q', { connection: cluster });
      new Worker('q', () => 1, { connection: cluster }).on('error', (error) => console.log(error.code));
      new Worker('q', () => new Promise(() => undefined), { connection: cluster }).on('error', (error) => console.log(error.code));
      await queue.addBulk([{ name: 'x', data: 1 }, { name: 'x', data: 2 }]);
      await cluster.close();`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    expect({ stdout, stderr, status }).toEqual({ stdout: 'CLUSTER_CLOSED\nCLUSTER_CLOSED\n', stderr: '', status: 0 });
  });
});
