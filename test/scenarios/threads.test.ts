import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { aCluster, eventually } from './support.ts';

function aFolder(onTestFinished: (clean: () => void) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-threads-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const outcomeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: unknown) => error,
  );

/** The folder is free: no thread has its files open. */
async function startsAgain(dataDir: string): Promise<void> {
  const again = await startCluster({ nodes: 3, dataDir });
  await again.waitForLeader();
  await again.close();
}

describe('a node has one thread', () => {
  it('although it is restarted by two calls at once', async ({ onTestFinished }) => {
    const dataDir = aFolder(onTestFinished);
    const cluster = await startCluster({ nodes: 3, dataDir });
    const calls = [cluster.restart(1), cluster.restart(1), cluster.stop(1), cluster.restart(1)];
    expect(await Promise.all(calls.map(outcomeOf))).toEqual(['done', 'done', 'done', 'done']);
    expect(cluster.isRunning(1)).toBe(true);
    expect((await cluster.metrics()).map(({ node }) => node)).toEqual([1, 2, 3]);
    await cluster.close();
    await startsAgain(dataDir);
  });

  it('that a cluster ends which is closed while the node is restarted', async ({ onTestFinished }) => {
    const dataDir = aFolder(onTestFinished);
    const cluster = await startCluster({ nodes: 3, dataDir });
    const restarts = [1, 1, 2].map((node) => outcomeOf(cluster.restart(node)));
    await cluster.close();
    for (const outcome of await Promise.all(restarts)) expect(outcome).toMatchObject({ code: 'CLUSTER_CLOSED' });
    await startsAgain(dataDir);
  });

  it('that a cluster ends which is closed while the node is added', async ({ onTestFinished }) => {
    const dataDir = aFolder(onTestFinished);
    const cluster = await startCluster({ nodes: 3, dataDir });
    await cluster.waitForLeader();
    const added = outcomeOf(cluster.addNode());
    await cluster.close();
    expect(await added).toMatchObject({ code: 'CLUSTER_CLOSED' });
    await startsAgain(dataDir);
  });

  it('that repair and restart take in turns', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    await queue.add('job', {});
    const calls = [cluster.restart(1), cluster.repair(1), cluster.restart(1)];
    await Promise.all(calls);
    expect(cluster.isRunning(1)).toBe(true);
    await eventually('all voters are there again', async () => (await cluster.members()).voters.length === 3);
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });
});

describe('nodes that are added', () => {
  it('at the same time get different ids', async () => {
    await using scene = await aCluster();
    const { cluster } = scene;
    const ids = await Promise.all([cluster.addNode(), cluster.addNode(), cluster.addNode(9)]);
    expect(ids).toEqual([4, 5, 9]);
    expect((await cluster.members()).voters).toEqual([1, 2, 3, 4, 5, 9]);
  });
});

describe('a node that could not be added', () => {
  it('leaves no id behind, and can be added once the obstacle is removed', async () => {
    await using scene = await aCluster();
    const { cluster, dataDir } = scene;
    const inTheWay = join(dataDir, 'node-4');
    writeFileSync(inTheWay, 'not a folder');
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(cluster.addNode(4)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
      expect(cluster.nodeIds()).toEqual([1, 2, 3]);
      expect((await cluster.members()).joining).toEqual([]);
    }
    rmSync(inTheWay);
    expect(await cluster.addNode(4)).toBe(4);
    expect((await cluster.members()).voters).toEqual([1, 2, 3, 4]);
    expect(cluster.nodeIds()).toEqual([1, 2, 3, 4]);
  });

  it('also cancels the other additions and the removals of its change', async () => {
    await using scene = await aCluster();
    const { cluster, dataDir } = scene;
    writeFileSync(join(dataDir, 'node-5'), 'not a folder');
    await expect(cluster.changeMembers({ add: [4, 5], remove: [1] })).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(cluster.nodeIds()).toEqual([1, 2, 3]);
    expect([4, 5].map((node) => cluster.isRunning(node))).toEqual([false, false]);
    expect(await cluster.members()).toMatchObject({ voters: [1, 2, 3], joining: [], leaving: [] });
  });

  it('of a process that ended meanwhile can be added by the next', async ({ onTestFinished }) => {
    const dataDir = aFolder(onTestFinished);
    const cluster = await startCluster({ nodes: 3, dataDir });
    await cluster.waitForLeader();
    const added = outcomeOf(cluster.addNode(4));
    await cluster.close();
    await added;
    const again = await startCluster({ nodes: 3, dataDir });
    expect(await again.addNode(4)).toBe(4);
    expect((await again.members()).voters).toEqual([1, 2, 3, 4]);
    await again.close();
  });
});

// These wait for the time limits of calls to a stuck thread, side by side.
describe('a node whose thread is stuck', { concurrent: true }, () => {
  /** Longer than any time limit of a cluster's calls; a killed thread does not wait for its end. */
  const STUCK_MS = 3_600_000;

  it('does not delay what others are asked, and can be replaced', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const leader = await cluster.waitForLeader();
    const stuck = leader === 1 ? 2 : 1;
    await faultsOf(cluster).pause(stuck, STUCK_MS);
    expect(await cluster.waitForLeader(60_000)).toBe(leader);
    expect((await cluster.metrics()).map(({ node }) => node)).not.toContain(stuck);
    expect((await cluster.replicaStates()).map(({ node }) => node)).not.toContain(stuck);
    await queue.add('job', {});
    await cluster.changeMembers({ add: [4], remove: [stuck] });
    expect((await cluster.members()).voters).toEqual([1, 2, 3, 4].filter((node) => node !== stuck));
    expect(cluster.isRunning(stuck)).toBe(false);
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });

  it('is replaced by another leader when it leads, and can be restarted', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const stuck = await cluster.waitForLeader();
    await faultsOf(cluster).pause(stuck, STUCK_MS);
    const next = await eventually('another leader', async () => {
      const leader = await cluster.leader();
      return leader !== stuck && leader;
    });
    expect(next).not.toBe(stuck);
    await queue.add('job', {});
    await cluster.restart(stuck);
    await eventually('it replies again', async () => (await cluster.metrics()).some(({ node }) => node === stuck));
  });

  it('does not keep the cluster from being closed', async ({ onTestFinished }) => {
    const dataDir = aFolder(onTestFinished);
    const cluster = await startCluster({ nodes: 3, dataDir });
    for (const node of [1, 2, 3]) await faultsOf(cluster).pause(node, STUCK_MS);
    await expect(cluster.waitForLeader(10)).rejects.toMatchObject({ code: 'NO_LEADER' });
    await cluster.close();
    await startsAgain(dataDir);
  });
});

// Opening a pipe without a reader blocks the thread in a system call, where it cannot be terminated.
describe('a node whose thread waits for the operating system', { concurrent: true, skip: process.platform === 'win32' }, () => {
  it('does not keep the cluster from its work, nor from being closed, which reports the node', async ({ onTestFinished }) => {
    const folder = aFolder(onTestFinished);
    const pipe = join(folder, 'node-4.log');
    execFileSync('mkfifo', [pipe]);
    const failures: [number, Error][] = [];
    const onNodeFailure = (node: number, error: Error): void => void failures.push([node, error]);
    const cluster = await startCluster({ nodes: 3, storage: 'memory', logs: { dir: folder }, onNodeFailure });
    const queue = new Queue('work', { connection: cluster });
    const added = outcomeOf(cluster.addNode(4));
    await cluster.waitForLeader();
    await queue.add('job', {});
    expect((await cluster.metrics()).map(({ node }) => node)).toEqual([1, 2, 3]);
    await queue.close();
    await cluster.close();
    expect(await added).toMatchObject({ code: 'CLUSTER_CLOSED' });
    expect(failures).toMatchObject([[4, { code: 'NODE_STUCK', node: 4 }]]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(reader));
  });
});

describe('a relative folder', () => {
  const home = process.cwd();
  afterEach(() => process.chdir(home));

  it('stays the same when the process changes its working directory', async ({ onTestFinished }) => {
    const [first, second] = [aFolder(onTestFinished), aFolder(onTestFinished)];
    process.chdir(first);
    const cluster = await startCluster({ nodes: 3, dataDir: 'data', logs: { dir: 'logs' } });
    const queue = new Queue('work', { connection: cluster });
    await queue.add('job', {});
    process.chdir(second);
    for (const node of [1, 2, 3]) await cluster.restart(node);
    await cluster.addNode(4);
    await cluster.repair(4);
    await queue.add('job', {});
    await queue.close();
    await cluster.close();
    expect(readdirSync(second)).toEqual([]);
    expect([1, 2, 3, 4].every((node) => existsSync(join(first, 'data', `node-${node}`, 'jobraft.db')))).toBe(true);
    await using again = await startCluster({ nodes: 3, dataDir: join(first, 'data') });
    expect((await new Queue('work', { connection: again }).getJobCounts()).waiting).toBe(2);
  });
});
