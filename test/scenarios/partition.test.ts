import { Queue } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, checkLogsEqual, clientOf, converged, eventually, leaderAmong, others, settledLeader } from './support.ts';

describe('the leader is disconnected and comes back', () => {
  it('hands over while the others have a quorum, and follows when it is back', async () => {
    // A timeout that a busy machine does not reach, so that no other election interferes.
    await using scene = await aCluster({ raft: { electionTimeoutMs: 2_000 } });
    const { cluster, queue } = scene;
    const first = await settledLeader(cluster);
    const { term } = await cluster.status(first);
    await faultsOf(cluster).isolate(first);
    const next = await leaderAmong(cluster, others(cluster, first), term);
    await eventually('the old leader has stepped down', async () => (await cluster.status(first)).state !== 'leader');
    await queue.add('meanwhile', {});
    await faultsOf(cluster).heal();
    expect(await settledLeader(cluster)).toBe(next.node);
    await converged(cluster);
  });

  it('commits nothing without a quorum, and everything goes on with one', async () => {
    await using scene = await aCluster();
    const { cluster } = scene;
    const leader = await settledLeader(cluster);
    await scene.queue.add('before', {});
    await faultsOf(cluster).partition([[1], [2], [3]]);
    const commits = async () => Promise.all(cluster.nodeIds().map(async (node) => (await cluster.status(node)).commit));
    const before = Math.max(...(await commits()));
    const lonely = clientOf(cluster, leader, 400);
    const queue = new Queue('work', { connection: lonely });
    await expect(queue.add('without a quorum', {})).rejects.toMatchObject({ code: expect.stringMatching(/DEADLINE|NO_LEADER/) });
    await eventually('there is no leader', async () => (await cluster.leader()) === undefined);
    expect(Math.max(...(await commits()))).toBeLessThanOrEqual(before);
    await lonely.close();
    await faultsOf(cluster).heal();
    await settledLeader(cluster);
    await scene.queue.add('after', {});
    await converged(cluster);
  });

  it('does not raise the terms of a working majority while it is away (pre-vote)', async () => {
    await using scene = await aCluster();
    const { cluster } = scene;
    const leader = await settledLeader(cluster);
    const away = others(cluster, leader)[0] ?? 0;
    const { term } = await cluster.status(leader);
    await faultsOf(cluster).isolate(away);
    await eventually('the isolated follower campaigned five times', async () =>
      (await cluster.metrics()).some(({ node, elections }) => node === away && elections >= 5),
    );
    await faultsOf(cluster).heal();
    await eventually('it follows again', async () => (await cluster.status(away)).leaderId === leader);
    expect((await cluster.status(leader)).term).toBe(term);
  });
});

describe('five nodes under eight random partitions (G5)', () => {
  it('never loses an acknowledged job, and ends with equal replicas', async () => {
    await using scene = await aCluster({ nodes: 5, seed: 5 });
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    const acknowledged = new Set<string>();
    let isOver = false;
    const load = Promise.all(
      Array.from({ length: 4 }, async (_, worker) => {
        for (let n = 0; !isOver; n += 1) acknowledged.add((await queue.add('job', { worker, n })).id);
      }),
    );
    let state = 42;
    const nextBit = () => {
      state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
      return (state >> 16) & 1;
    };
    for (let round = 0; round < 8; round += 1) {
      const left = cluster.nodeIds().filter(() => nextBit() === 1);
      const right = others(cluster, ...left);
      await faultsOf(cluster).partition([left, right]);
      const majority = left.length > right.length ? left : right;
      const before = acknowledged.size;
      await leaderAmong(cluster, majority);
      await eventually('the majority takes jobs', async () => acknowledged.size > before + 10);
    }
    await faultsOf(cluster).heal();
    isOver = true;
    await load;
    await settledLeader(cluster);
    await converged(cluster);
    await checkLogsEqual(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(acknowledged.size);
  });

  it('survives a network that delays and loses frames', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    await faultsOf(cluster).delay({ fromMs: 0, toMs: 20 });
    await faultsOf(cluster).drop(0.1);
    const jobs = await Promise.all(Array.from({ length: 200 }, (_, n) => queue.add('job', { n })));
    await faultsOf(cluster).heal();
    await converged(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(jobs.length);
  });
});
