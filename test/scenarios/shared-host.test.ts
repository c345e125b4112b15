import { openCluster, Queue } from 'jobraft';
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
