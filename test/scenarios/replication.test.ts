import { Queue } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, checkLogsEqual, clientOf, converged, eventually, leaderAmong, logText, others, settledLeader } from './support.ts';

describe('log replication (G6, R4)', () => {
  it('brings every acknowledged job to every follower, and followers commit too', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    const jobs = await Promise.all(Array.from({ length: 500 }, (_, n) => queue.add('job', { n })));
    expect(new Set(jobs.map((job) => job.id)).size).toBe(500);
    await converged(cluster);
    const states = await cluster.replicaStates();
    expect(states).toHaveLength(3);
  });

  it('keeps logs equal in index, term and command (log consistency, G6)', async () => {
    await using scene = await aCluster({ nodes: 5 });
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    for (let n = 0; n < 20; n += 1) await queue.add('job', { n });
    await checkLogsEqual(cluster);
    expect((await cluster.log(1)).filter((entry) => entry.kind === 'command').length).toBeGreaterThanOrEqual(20);
  });

  it.each(['leader', 'follower'] as const)('takes requests at the %s (G2)', async (role) => {
    await using scene = await aCluster();
    const { cluster } = scene;
    const leader = await settledLeader(cluster);
    const node = role === 'leader' ? leader : (others(cluster, leader)[0] ?? 0);
    const client = clientOf(cluster, node);
    const queue = new Queue('elsewhere', { connection: client });
    await queue.add('job', {});
    expect((await queue.getJobCounts()).waiting).toBe(1);
    await client.close();
  });

  it('answers `No leader available.` while there is none (G2)', async () => {
    await using scene = await aCluster();
    const { cluster } = scene;
    const leader = await settledLeader(cluster);
    const [one, two] = others(cluster, leader);
    await faultsOf(cluster).kill(leader);
    await faultsOf(cluster).kill(two ?? 0);
    const client = clientOf(cluster, one ?? 0, 500);
    const queue = new Queue('nowhere', { connection: client });
    await expect(queue.add('job', {})).rejects.toThrow(/No leader available\./);
    await client.close();
  });
});

describe('log inconsistency recovery (C5)', () => {
  it('overwrites entries that a stale leader appended and could not replicate', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const stale = await settledLeader(cluster);
    // A client that knows only the leader that is to be cut off, and has its session.
    const lonely = clientOf(cluster, stale, 1_000);
    const lonelyQueue = new Queue('work', { connection: lonely });
    await eventually('it has a session', async () => lonely.connect().then(() => true));
    await queue.add('agreed', {});
    await faultsOf(cluster).isolate(stale);
    const before = await cluster.status(stale);
    // The isolated leader writes it to its own log and can never commit it.
    await expect(lonelyQueue.add('lost', { never: 'committed' })).rejects.toMatchObject({ outcome: 'unknown' });
    await lonely.close();
    const inLog = (await cluster.log(stale, before.lastIndex + 1)).filter((entry) => entry.kind === 'command');
    expect(inLog.length).toBeGreaterThanOrEqual(1);
    expect((await cluster.status(stale)).commit).toBeLessThan(inLog[0]?.index ?? 0);

    await leaderAmong(cluster, others(cluster, stale), before.term);
    await queue.add('agreed by the others', {});
    await faultsOf(cluster).heal();
    await settledLeader(cluster);
    await checkLogsEqual(cluster);
    await converged(cluster);
    expect(logText(await cluster.log(stale))).not.toContain(logText(inLog)[0]);
    expect((await queue.getJobCounts()).waiting).toBe(2);
  });
});

describe('a node that joins after the election (C4)', () => {
  it('synchronises by the log', async () => {
    await using scene = await aCluster({ nodes: 5, absent: [4, 5] });
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    for (let n = 0; n < 10; n += 1) await queue.add('job', { n });
    await cluster.restart(4);
    await cluster.restart(5);
    await settledLeader(cluster);
    await converged(cluster);
    await checkLogsEqual(cluster);
  });

  it('synchronises by a snapshot when the log was compacted', async () => {
    await using scene = await aCluster({
      nodes: 3,
      absent: [3],
      limits: { checkpointEntries: 20, tailEntries: 1, snapshotChunkBytes: 2_000 },
    });
    const { cluster, queue } = scene;
    await cluster.waitForLeader();
    for (let n = 0; n < 60; n += 1) await queue.add('job', { n, filling: 'x'.repeat(500) });
    expect((await cluster.status(1)).firstIndex).toBeGreaterThan(1);
    await cluster.restart(3);
    await converged(cluster);
    expect((await cluster.status(3)).firstIndex).toBeGreaterThan(1);
    // It continues with the log after the snapshot.
    await queue.add('after the snapshot', {});
    await converged(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(61);
  });

  it('serves what the snapshot brought once it leads', async () => {
    await using scene = await aCluster({ nodes: 3, absent: [3], limits: { checkpointEntries: 10, tailEntries: 1 } });
    const { cluster, queue } = scene;
    await cluster.waitForLeader();
    const jobs = [];
    for (let n = 0; n < 30; n += 1) jobs.push(await queue.add('job', { n }));
    await cluster.restart(3);
    await converged(cluster);
    await faultsOf(cluster).kill(1);
    await eventually('a leader without node 1', async () => (await cluster.leader()) !== undefined);
    for (const job of jobs) expect((await queue.getJob(job.id))?.data).toEqual(job.data);
  });
});
