import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, eventually, leaderAmong, others, settledLeader, statuses } from './support.ts';

describe('leader election (G6, C1)', () => {
  it('elects one leader, and its heartbeats keep it there', async () => {
    await using scene = await aCluster({ nodes: 5 });
    const { cluster } = scene;
    const leader = await settledLeader(cluster);
    const { term } = await cluster.status(leader);
    const heartbeats = async () => (await cluster.metrics()).find(({ node }) => node === leader)?.rpcSent.AppendEntries ?? 0;
    const before = await heartbeats();
    // Four followers, and long enough for each of them to time out without heartbeats.
    await eventually('the leader has sent sixty heartbeats', async () => (await heartbeats()) >= before + 60);
    expect((await statuses(cluster)).map((status) => [status.leaderId, status.term])).toEqual(Array(5).fill([leader, term]));
  });

  it('reports the leader in the status of every node (leader status, G6)', async () => {
    await using scene = await aCluster();
    const leader = await settledLeader(scene.cluster);
    for (const status of await statuses(scene.cluster)) {
      expect(status.state).toBe(status.node === leader ? 'leader' : 'follower');
      expect(status.leaderId).toBe(leader);
      expect(status.voters).toEqual([1, 2, 3]);
    }
  });

  it.each([1, 3, 13])('works with %i nodes (R1)', async (nodes) => {
    await using scene = await aCluster({ nodes });
    await settledLeader(scene.cluster);
    expect(Number((await scene.queue.add('hello', { nodes })).id)).toBeGreaterThan(0);
  });
});

describe('leader failure (G6, C2)', () => {
  it('elects another leader in a later term, which takes requests', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const first = await settledLeader(cluster);
    const { term } = await cluster.status(first);
    await queue.add('before', {});
    await faultsOf(cluster).kill(first);
    const next = await leaderAmong(cluster, others(cluster, first), term);
    expect(next.node).not.toBe(first);
    await queue.add('after', {});
    expect((await queue.getJobCounts()).waiting).toBe(2);
  });

  it('follows the new leader when the old one comes back', async () => {
    await using scene = await aCluster();
    const { cluster } = scene;
    const first = await settledLeader(cluster);
    await faultsOf(cluster).kill(first);
    const next = await settledLeader(cluster);
    await cluster.restart(first);
    expect(await settledLeader(cluster)).toBe(next);
    expect((await cluster.status(first)).state).toBe('follower');
  });

  it('moves leadership away from a leader whose event loop is stopped', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const first = await settledLeader(cluster);
    const { term } = await cluster.status(first);
    await faultsOf(cluster).pause(first, 3_000);
    const next = await leaderAmong(cluster, others(cluster, first), term);
    expect(next.node).not.toBe(first);
    await queue.add('while paused', {});
    expect(await settledLeader(cluster)).not.toBe(first);
  });
});

describe('leader instability under rapid timeouts (C3, C7)', () => {
  it('comes to rest with one leader although many nodes time out together', async () => {
    // The shortest timeouts the settings allow: heartbeats are often late on a busy machine.
    await using scene = await aCluster({ nodes: 7, raft: { heartbeatMs: 5, electionTimeoutMs: 10 } });
    const { cluster, queue } = scene;
    await eventually('at least twenty elections were begun', async () => {
      const started = (await cluster.metrics()).reduce((sum, { elections }) => sum + elections, 0);
      const leader = await cluster.leader();
      if (leader !== undefined) await faultsOf(cluster).pause(leader, 30);
      return started >= 20;
    });
    await queue.add('during the elections', {});
    await settledLeader(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });
});
