import { Client, Queue, startCluster } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, eventually } from './support.ts';

/** Adds without a pause until it is stopped, and records the acknowledged jobs. */
function aLoad(add: (n: number) => Promise<{ readonly id: string }>) {
  const acknowledged: string[] = [];
  let isOn = true;
  const adders = Array.from({ length: 10 }, async (_, adder) => {
    for (let n = 0; isOn; n += 1) acknowledged.push((await add(adder * 1_000_000 + n)).id);
  });
  return {
    acknowledged,
    stop: async () => {
      isOn = false;
      await Promise.all(adders);
    },
  };
}

describe('a running cluster (C4)', () => {
  it('grows from 3 to 5 and to 13 nodes and shrinks again under load, with nothing lost', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const load = aLoad((n) => queue.add('job', { n }));
    expect(await cluster.addNode()).toBe(4);
    expect(await cluster.addNode(5)).toBe(5);
    expect((await cluster.members()).voters).toEqual([1, 2, 3, 4, 5]);
    await cluster.changeMembers({ add: [6, 7, 8, 9, 10, 11, 12, 13] });
    expect((await cluster.members()).voters).toHaveLength(13);
    const leader = await cluster.waitForLeader();
    await faultsOf(cluster).kill(leader);
    await cluster.restart(leader);
    await cluster.changeMembers({ remove: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
    expect((await cluster.members()).voters).toEqual([11, 12, 13]);
    expect(cluster.nodeIds()).toEqual([11, 12, 13]);
    await load.stop();
    expect(load.acknowledged.length).toBeGreaterThan(100);
    expect(new Set(load.acknowledged).size).toBe(load.acknowledged.length);
    expect((await queue.getJobCounts()).waiting).toBe(load.acknowledged.length);
  });

  it('may have 51 nodes, and survives its leader', { timeout: 900_000 }, async () => {
    const raft = { heartbeatMs: 1_000, electionTimeoutMs: 8_000 };
    await using cluster = await startCluster({ nodes: 51, storage: 'memory', raft });
    await using client = new Client(cluster, { deadlineMs: 300_000 });
    const queue = new Queue('work', { connection: client });
    const leader = await cluster.waitForLeader(300_000);
    await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'job', data: { n } })));
    await faultsOf(cluster).kill(leader);
    await queue.add('job', {});
    expect(await cluster.waitForLeader(300_000)).not.toBe(leader);
    expect((await queue.getJobCounts()).waiting).toBe(101);
    expect((await cluster.members()).voters).toHaveLength(51);
  });

  it('is found again with the members that it had', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    await queue.add('job', {});
    await cluster.changeMembers({ add: [4], remove: [1] });
    expect((await cluster.members()).voters).toEqual([2, 3, 4]);
    for (const node of [2, 3, 4]) await cluster.stop(node);
    for (const node of [2, 3, 4]) await cluster.restart(node);
    await cluster.waitForLeader();
    expect((await cluster.members()).voters).toEqual([2, 3, 4]);
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });

  it('rejects ids that are taken or unknown, with the remedy', async () => {
    await using scene = await aCluster();
    await expect(scene.cluster.addNode(2)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('taken') });
    await expect(scene.cluster.removeNode(9)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(scene.cluster.changeMembers({ add: Array.from({ length: 49 }, (_, at) => at + 4) })).rejects.toThrow('at most 51');
    await expect(scene.cluster.changeMembers({ remove: [1, 2, 3] })).rejects.toMatchObject({ code: 'INVALID' });
  });
});

describe('leadership', () => {
  it('is handed over on request', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const before = await cluster.waitForLeader();
    const target = cluster.nodeIds().find((node) => node !== before) ?? 0;
    expect(await cluster.transferLeadership(target)).toBe(target);
    await queue.add('job', {});
    expect(await cluster.leader()).toBe(target);
  });

  it('is handed over by a leader that is stopped gracefully', async () => {
    await using scene = await aCluster({ raft: { electionTimeoutMs: 2_000, lostLeaderElectionMs: 1_000 } });
    const { cluster, queue } = scene;
    await queue.add('job', {});
    const before = await cluster.waitForLeader();
    const timeouts = async (): Promise<number> => {
      const others = (await cluster.metrics()).filter(({ node }) => node !== before);
      return others.reduce((sum, { elections }) => sum + elections, 0);
    };
    const timeoutsBefore = await timeouts();
    await cluster.stop(before);
    const after = await eventually('another leader', () => cluster.leader());
    expect(after).not.toBe(before);
    // It did not wait for a timeout.
    expect(await timeouts()).toBe(timeoutsBefore);
  });
});
