import { Client, Queue } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, clientOf, eventually, leaderAmong, others, settledLeader } from './support.ts';

const QUICKLY = { raft: { heartbeatMs: 20, electionTimeoutMs: 120 } };

describe('reading without a write', () => {
  it('shows, at every node, what was acknowledged before, and adds nothing to the log', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    for (let round = 1; round <= 20; round += 1) {
      await queue.add('n', round);
      for (const node of cluster.nodeIds()) {
        await using client = clientOf(cluster, node);
        await using reader = new Queue('work', { connection: client });
        expect((await reader.getJobCounts()).waiting).toBe(round);
      }
    }
    const leader = await settledLeader(cluster);
    const { lastIndex } = await cluster.status(leader);
    await using client = new Client(cluster);
    await using reader = new Queue('work', { connection: client });
    for (let asked = 0; asked < 50; asked += 1) await reader.getJobCounts();
    expect((await cluster.status(leader)).lastIndex).toBe(lastIndex);
  });

  it('is rejected by a leader that was cut off, which shows on request what it has', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const cutOff = await settledLeader(cluster);
    const { term } = await cluster.status(cutOff);
    await queue.add('before', {});
    await faultsOf(cluster).isolate(cutOff);
    await using lonely = clientOf(cluster, cutOff, 600);
    const old = new Queue('work', { connection: lonely });
    // Awaited later, but handled from now on: it may be rejected before the others have a leader.
    const isRejected = expect(old.getJobCounts()).rejects.toMatchObject({ code: expect.stringMatching(/DEADLINE|NO_LEADER/) });
    const next = await leaderAmong(cluster, others(cluster, cutOff), term);
    await using there = clientOf(cluster, next.node);
    await new Queue('work', { connection: there }).add('meanwhile', {});
    await isRejected;
    expect((await old.getJobCounts({ consistency: 'stale' })).waiting).toBe(1);
    await faultsOf(cluster).heal();
    await settledLeader(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(2);
  });

  it('by a lease does not outlive a pause of the leader’s event loop', async () => {
    await using scene = await aCluster({ raft: { ...QUICKLY.raft, leaseMs: 80 } });
    const { cluster, queue } = scene;
    const paused = await settledLeader(cluster);
    const { term } = await cluster.status(paused);
    await queue.add('before', {});
    expect((await queue.getJobCounts({ consistency: 'lease' })).waiting).toBe(1);
    const sleeping = faultsOf(cluster).pause(paused, 1_500);
    // It reaches the paused node's port now and is read when the node wakes up, long after its lease.
    await using asleep = clientOf(cluster, paused);
    const reading = new Queue('work', { connection: asleep }).getJobCounts({ consistency: 'lease' });
    const next = await leaderAmong(cluster, others(cluster, paused), term);
    await using awake = clientOf(cluster, next.node);
    await new Queue('work', { connection: awake }).add('meanwhile', {});
    await sleeping;
    expect((await reading).waiting).toBe(2);
  });

  it('continues through the loss of a leader', async () => {
    await using scene = await aCluster(QUICKLY);
    const { cluster, queue } = scene;
    const leader = await settledLeader(cluster);
    await queue.add('n', {});
    const readings = Array.from({ length: 50 }, () => queue.getJobCounts());
    await faultsOf(cluster).kill(leader);
    for (const { waiting } of await Promise.all(readings)) expect(waiting).toBe(1);
    await eventually('there is another leader', async () => (await cluster.leader()) !== leader);
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });
});
