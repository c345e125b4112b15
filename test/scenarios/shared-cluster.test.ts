import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openCluster, Queue, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { type Message, SharedProcess } from './shared-process.ts';
import { aFolder, eventually } from './support.ts';

/** For several processes, each of which hosts the cluster in turn, also on a busy machine. */
const PROCESSES_TIMEOUT_MS = 300_000;
/** So long that no job is available again because its lease ended. */
const NEVER_MS = 3_600_000;
const KILLS = Number(process.env.JOBRAFT_HOST_KILLS ?? 3);

const acknowledged = ({ messages }: { readonly messages: readonly Message[] }): Message[] =>
  messages.filter(({ added }) => added !== undefined);
const begun = ({ messages }: { readonly messages: readonly Message[] }): string[] => messages.flatMap((message) => message.begun ?? []);
const completed = ({ messages }: { readonly messages: readonly Message[] }): string[] =>
  messages.flatMap((message) => message.completed ?? []);

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

  it('go on when the event loop of the one that hosts the nodes is blocked', async () => {
    using folder = aFolder();
    await using host = await SharedProcess.opened(folder.path);
    await using other = await SharedProcess.opened(folder.path);
    host.post('block', { durationMs: 3_000 });
    await other.call('add', { count: 100 });
    expect(host.messages.some(({ done }) => done === 'block')).toBe(false);
  });
});

describe('the process that hosts the nodes', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  it(`is killed ${KILLS} times under load, and nothing that was acknowledged is lost`, async () => {
    using folder = aFolder();
    let processes = [await SharedProcess.opened(folder.path), await SharedProcess.opened(folder.path)];
    const ids: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const hosts = await eventually('one of the processes hosts the nodes', async () => {
        const areHosts = await Promise.all(processes.map((one) => one.isHost()));
        return areHosts.filter((isHost) => isHost).length === 1 ? areHosts : undefined;
      });
      const host = processes[hosts.indexOf(true)] as SharedProcess;
      const other = processes[hosts.indexOf(false)] as SharedProcess;
      other.post('keepAdding', { from: 1_000_000 * (kill + 1) });
      const before = acknowledged(other).length;
      await eventually('jobs are added', async () => acknowledged(other).length > before + 100);
      await host.kill();
      const atKill = acknowledged(other).length;
      await eventually('jobs are added after the kill', async () => acknowledged(other).length > atKill + 100);
      await other.call('stopAdding');
      expect(other.messages.filter(({ failed }) => failed !== undefined)).toEqual([]);
      ids.push(...acknowledged(other).flatMap(({ added }) => added ?? []));
      other.messages.length = 0;
      processes = [other, await SharedProcess.opened(folder.path)];
    }
    for (const one of processes) await one[Symbol.asyncDispose]();
    await using after = await openCluster({ nodes: 3, dataDir: folder.path });
    await using found = new Queue('work', { connection: after });
    const jobs = await Promise.all(ids.map((id) => found.getJob(id)));
    expect(jobs.filter((job) => job === undefined)).toEqual([]);
    // An add whose reply was lost in the kill was repeated, and recognised.
    expect((await found.getJobCounts()).waiting - ids.length).toBeLessThanOrEqual(KILLS);
  });

  it('is killed with an active job, which another process begins at once; the jobs of living processes stay leased', async () => {
    using folder = aFolder();
    await using host = await SharedProcess.opened(folder.path);
    await using living = await SharedProcess.opened(folder.path);
    await using third = await SharedProcess.opened(folder.path);
    const options = { lockDuration: NEVER_MS, concurrency: 1 };
    await living.call('add', { count: 1 });
    await living.call('work', { holdMs: 6_000, options });
    await eventually('the living process has begun a job', async () => begun(living).length === 1);
    await living.call('add', { count: 1 });
    await host.call('work', { holdMs: NEVER_MS, options });
    await eventually('the host has begun a job', async () => begun(host).length === 1);
    await host.kill();
    await third.call('work', { holdMs: 0, options });
    await eventually('the third process has done the job of the killed one', async () => completed(third).length >= 1);
    await eventually('the living process has completed its job', async () => completed(living).length >= 1);
    expect(completed(third)).toEqual(begun(host));
    expect(completed(living)[0]).toBe(begun(living)[0]);
    expect(begun(third)).toEqual(begun(host));
  });

  it('closes: another one takes over, and every call of the others gets its reply', async () => {
    using folder = aFolder();
    await using host = await SharedProcess.opened(folder.path);
    await using other = await SharedProcess.opened(folder.path);
    other.post('keepAdding', { from: 0 });
    await eventually('jobs are added', async () => acknowledged(other).length > 100);
    expect((await host.call('close')).error).toBeUndefined();
    expect(await host.exited()).toBe(0);
    const before = acknowledged(other).length;
    await eventually('jobs are added after the end', async () => acknowledged(other).length > before + 100);
    expect(other.messages.filter(({ failed }) => failed !== undefined)).toEqual([]);
    expect(await other.isHost()).toBe(true);
  });

  it('is stopped: calls of the others end with an error that says so, until it goes on', async () => {
    using folder = aFolder();
    await using host = await SharedProcess.opened(folder.path);
    await using cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', 1);
    host.signal('SIGSTOP');
    const members = expect(cluster.members()).rejects.toMatchObject({ code: 'HOST_SILENT', outcome: 'unknown' });
    const error = await eventually('calls are rejected', async () => {
      try {
        await queue.add('job', 2);
        return undefined;
      } catch (thrown) {
        return thrown as Error & { readonly code: string; readonly cause?: { readonly code: string } };
      }
    });
    await eventually('the cause is known', async () => cluster.outageCause()?.code === 'HOST_SILENT');
    expect(['QUORUM_LOST', 'NO_LEADER', 'DEADLINE']).toContain(error.code);
    await expect(queue.add('job', 3)).rejects.toMatchObject({ code: 'QUORUM_LOST', cause: { code: 'HOST_SILENT' } });
    await expect(queue.add('job', 3)).rejects.toThrow(`kill -CONT ${host.pid}`);
    await members;
    await expect(cluster.members()).rejects.toMatchObject({ code: 'HOST_SILENT', outcome: 'not-applied' });
    host.signal('SIGCONT');
    await eventually('calls get a reply again', async () => queue.add('job', 4).catch(() => undefined));
    expect(cluster.outageCause()).toBeUndefined();
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
