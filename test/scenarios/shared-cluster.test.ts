import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { openCluster, Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { type Message, SharedProcess } from './shared-process.ts';
import { aFolder, eventually } from './support.ts';

/** For several processes, each of which hosts the cluster in turn, also on a busy machine. */
const PROCESSES_TIMEOUT_MS = 300_000;
/** So long that no job is available again because its lease ended. */
const NEVER_MS = 3_600_000;

const begun = ({ messages }: { readonly messages: readonly Message[] }): string[] => messages.flatMap((message) => message.begun ?? []);

describe('two processes that open one folder', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  it('share one queue: what one adds, a worker of the other one does', async () => {
    using folder = aFolder();
    await using web = await SharedProcess.opened(folder.path);
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    expect([await web.isHost(), cluster.isHost]).toEqual([true, false]);
    const { ids = [] } = await web.call('add', { count: 100 });
    const done: string[] = [];
    const worker = new Worker('work', (job) => done.push(job.id), { connection: cluster, concurrency: 10 });
    await eventually('the jobs are done', async () => done.length === 100);
    await worker.close();
    expect(done.toSorted()).toEqual([...ids].toSorted());
    expect((await web.call('close')).error).toBeUndefined();
    expect(await web.exited()).toBe(0);
  });

  it('may open it at the same moment: one of them hosts the nodes', async () => {
    using folder = aFolder();
    const processes = await Promise.all([1, 2, 3, 4].map(() => SharedProcess.start(folder.path)));
    const opened = await Promise.all(processes.map((one) => one.call('open')));
    expect(opened.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined]);
    expect(opened.filter(({ isHost }) => isHost)).toHaveLength(1);
    for (const one of processes) await one.call('add', { count: 10 });
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    await using queue = new Queue('work', { connection: cluster });
    expect((await queue.getJobCounts()).waiting).toBe(40);
    for (const one of processes) await one[Symbol.asyncDispose]();
  });

  it('may be workers of node:cluster, of which one goes on when the other, which hosts the nodes, is killed', async () => {
    using folder = aFolder();
    const [fixture, built] = ['fixtures/cluster-workers.mjs', '../../dist/src/index.js'].map((path) => resolve(import.meta.dirname, path));
    const { stdout } = await promisify(execFile)(process.execPath, [fixture ?? '', built ?? '', folder.path]);
    const { hosts, before, after } = JSON.parse(stdout) as {
      hosts: number;
      before: { ids: string[] }[];
      after: { ids: string[]; isHost: boolean };
    };
    expect(hosts).toBe(1);
    expect(after.isHost).toBe(true);
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    await using queue = new Queue('work', { connection: cluster });
    const added = [...before, after].flatMap(({ ids }) => ids);
    expect((await queue.getWaiting(0, 100)).map(({ id }) => id).toSorted()).toEqual(added.toSorted());
  });

  it('go on when the event loop of the one that hosts the nodes is blocked', async () => {
    using folder = aFolder();
    await using host = await SharedProcess.opened(folder.path);
    await using other = await SharedProcess.opened(folder.path);
    host.post('block', { durationMs: 3_000 });
    await other.call('add', { count: 100 });
    expect(host.messages.some(({ done }) => done === 'block')).toBe(false);
  });
});

describe('a shared cluster', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  it('releases the jobs of a process that is killed, also one that does not host the nodes', async () => {
    using folder = aFolder();
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    await using queue = new Queue('work', { connection: cluster });
    await using other = await SharedProcess.opened(folder.path);
    await queue.add('job', 1);
    await other.call('work', { holdMs: NEVER_MS, options: { lockDuration: NEVER_MS } });
    await eventually('the other process has begun the job', async () => begun(other).length === 1);
    await other.kill();
    const done: string[] = [];
    const worker = new Worker('work', (job) => done.push(job.id), { connection: cluster });
    await eventually('the job is done', async () => done.length === 1);
    await worker.close();
  });

  it('rejects a process that asks for other nodes or another durability, with what to give', async () => {
    using folder = aFolder();
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    expect(cluster.isHost).toBe(true);
    await using other = await SharedProcess.start(folder.path);
    const nodes = await other.call('open', { nodes: 5 });
    expect(nodes.error).toMatchObject({ code: 'HANDSHAKE_REJECTED', outcome: 'not-applied' });
    expect(nodes.error?.message).toContain('belongs to a cluster of the nodes 1, 2, 3, and this process asks for 1, 2, 3, 4, 5');
    const durability = await other.call('open', { durability: 'off' });
    expect(durability.error?.message).toContain('with durability "full", and this process asks for "off"');
    expect((await other.call('open')).error).toBeUndefined();
  });

  it('and a cluster of one process exclude each other, with an error that names the other function', async () => {
    using folder = aFolder();
    {
      await using cluster = await startCluster({ nodes: 3, dataDir: folder.path });
      expect(cluster.nodeIds()).toEqual([1, 2, 3]);
      await expect(openCluster({ nodes: 3, dataDir: folder.path })).rejects.toMatchObject({ code: 'STORAGE_IN_USE' });
    }
    await using shared = await openCluster({ nodes: 3, dataDir: folder.path });
    await expect(startCluster({ nodes: 3, dataDir: folder.path })).rejects.toThrow('openCluster');
    expect(shared.isHost).toBe(true);
  });

  it('has its calls executed by the process that hosts the nodes', async () => {
    using folder = aFolder();
    await using host = await SharedProcess.opened(folder.path);
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    expect(cluster.hostPid).toBe(host.pid);
    const leader = await cluster.waitForLeader();
    expect((await cluster.status(leader)).state).toBe('leader');
    expect(await cluster.log(leader)).not.toEqual([]);
    expect(await cluster.addNode()).toBe(4);
    expect(cluster.nodeIds()).toEqual([1, 2, 3, 4]);
    await cluster.removeNode(4);
    expect((await cluster.members()).voters).toEqual([1, 2, 3]);
    await cluster.stop(3);
    expect(cluster.isRunning(3)).toBe(false);
    await cluster.restart(3);
    expect(cluster.isRunning(3)).toBe(true);
    await expect(cluster.removeNode(9)).rejects.toMatchObject({ name: 'ConfigError', code: 'CONFIG_INVALID', key: 'node' });
    await expect(cluster.status(9)).rejects.toThrow("The cluster's nodes are 1, 2, 3.");
  });

  it('keeps its sockets from other users, and takes a folder with a long path', async () => {
    using folder = aFolder();
    const dataDir = join(folder.path, 'a'.repeat(100), 'b'.repeat(100));
    mkdirSync(dataDir, { recursive: true });
    await using host = await SharedProcess.opened(dataDir);
    await using cluster = await openCluster({ nodes: 3, dataDir });
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', 1);
    expect(statSync(join(dataDir, 'sockets')).mode & 0o777).toBe(0o700);
    expect(statSync(join(dataDir, 'sockets', 'host.sock')).mode & 0o777).toBe(0o600);
    expect(existsSync(join(dataDir, 'sockets', 'node-1.sock'))).toBe(true);
    expect(cluster.hostPid).toBe(host.pid);
  });

  it('is closed for good: later calls are rejected', async () => {
    using folder = aFolder();
    const cluster = await openCluster({ nodes: 1, dataDir: folder.path });
    const queue = new Queue('work', { connection: cluster });
    await cluster.close();
    await cluster.close();
    await expect(queue.add('job', 1)).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
    await expect(cluster.leader()).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
  });
});
