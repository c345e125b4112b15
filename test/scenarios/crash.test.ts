import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Queue } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, checkLogsEqual, clientOf, converged, eventually, leaderAmong, others, settledLeader } from './support.ts';

describe('crash and restart (R8, G4)', () => {
  it('goes on without a follower, which catches up when it is back', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const leader = await settledLeader(cluster);
    const follower = others(cluster, leader)[0] ?? 0;
    await faultsOf(cluster).kill(follower);
    await Promise.all(Array.from({ length: 100 }, (_, n) => queue.add('job', { n })));
    await cluster.restart(follower);
    await converged(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(100);
  });

  it('loses nothing that was acknowledged when leaders crash under load', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    const acknowledged = new Set<string>();
    let isOver = false;
    const load = (async () => {
      for (let n = 0; !isOver; n += 1) acknowledged.add((await queue.add('job', { n })).id);
    })();
    for (let round = 0; round < 5; round += 1) {
      const leader = await settledLeader(cluster);
      const { term } = await cluster.status(leader);
      const before = acknowledged.size;
      await eventually('the load goes on', async () => acknowledged.size > before + 20);
      await faultsOf(cluster).kill(leader);
      await leaderAmong(cluster, others(cluster, leader), term);
      await cluster.restart(leader);
    }
    isOver = true;
    await load;
    await converged(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(acknowledged.size);
  });

  it('rebuilds a follower whose file was taken away, while the leader stays', async () => {
    await using scene = await aCluster();
    const { cluster, queue, dataDir } = scene;
    const leader = await settledLeader(cluster);
    const { term } = await cluster.status(leader);
    for (let n = 0; n < 50; n += 1) await queue.add('job', { n });
    const follower = others(cluster, leader)[0] ?? 0;
    await converged(cluster);
    await faultsOf(cluster).kill(follower);
    rmSync(join(dataDir, `node-${follower}`), { recursive: true });
    await cluster.restart(follower);
    await converged(cluster);
    await queue.add('job', {});
    await converged(cluster);
    expect((await cluster.status(leader)).term).toBe(term);
  });

  it('starts again with everything after all nodes crashed', async () => {
    await using scene = await aCluster({ limits: { checkpointEntries: 30, tailEntries: 5 } });
    const { cluster, queue } = scene;
    await settledLeader(cluster);
    const jobs = [];
    for (let n = 0; n < 100; n += 1) jobs.push(await queue.add('job', { n }));
    await Promise.all(cluster.nodeIds().map((node) => faultsOf(cluster).kill(node)));
    await Promise.all(cluster.nodeIds().map((node) => cluster.restart(node)));
    await settledLeader(cluster);
    expect((await queue.getJobCounts()).waiting).toBe(100);
    for (const job of jobs) expect((await queue.getJob(job.id))?.data).toEqual(job.data);
    await converged(cluster);
  });

  it('commits a value submitted before the crash only together with a later one (Raft §5.4.2)', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const first = await settledLeader(cluster);
    const [second, third] = others(cluster, first);
    const lonely = clientOf(cluster, first, 1_000);
    const lonelyQueue = new Queue('work', { connection: lonely });
    await eventually('it has a session', async () => lonely.connect().then(() => true));
    await queue.add('agreed', {});
    await faultsOf(cluster).isolate(first);
    const before = await cluster.status(first);
    const undecidedAdd = lonelyQueue.add('undecided', {});
    const logged = async () =>
      (await cluster.log(first, before.lastIndex + 1)).filter((entry) => entry.kind === 'command' && entry.term === before.term);
    await eventually('the isolated leader has written it', async () => (await logged()).length > 0);
    // The others are killed before they can agree on anything else, so that the longest log is the crashed leader's.
    await Promise.all([faultsOf(cluster).kill(second ?? 0), faultsOf(cluster).kill(third ?? 0), faultsOf(cluster).kill(first)]);
    await faultsOf(cluster).heal();
    await expect(undecidedAdd).rejects.toMatchObject({ outcome: 'unknown' });
    await lonely.close();
    await cluster.restart(first);
    const undecided = (await logged())[0];
    if (undecided === undefined) throw new Error('the isolated leader did not write the value');
    expect((await cluster.status(first)).commit).toBeLessThan(undecided.index);
    await cluster.restart(second ?? 0);
    const leader = await leaderAmong(cluster, [first, second ?? 0], before.term);
    await eventually('the value is committed', async () => (await cluster.status(leader.node)).commit > undecided.index);
    // Its log is the longer one, so no other could win (Raft §5.4.1).
    expect(leader.node).toBe(first);
    const after = await cluster.log(first, undecided.index + 1);
    expect(after.some((entry) => entry.term > before.term && entry.kind === 'noop')).toBe(true);
    expect((await queue.getJobCounts()).waiting).toBe(2);
    await checkLogsEqual(cluster);
  });
});
