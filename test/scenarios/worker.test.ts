import { Worker } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, converged, eventually, leaderAmong, others, settledLeader } from './support.ts';

const JOBS = 400;

describe('workers while leaders crash', () => {
  it('complete every acknowledged job, and each completion is accepted once', async () => {
    await using scene = await aCluster();
    const { cluster, queue, client } = scene;
    await settledLeader(cluster);
    const completions = new Map<string, number>();
    await using worker = new Worker('work', async (job) => Number(job.id) * 2, {
      connection: client,
      concurrency: 20,
      lockDuration: 2_000,
    });
    worker.on('completed', (job) => completions.set(job.id, (completions.get(job.id) ?? 0) + 1));
    const adds = (async () => {
      const ids: string[] = [];
      for (let n = 0; n < JOBS; n += 1) ids.push((await queue.add('double', { n }, { removeOnComplete: false, attempts: 5 })).id);
      return ids;
    })();
    for (const share of [0.25, 0.5, 0.75]) {
      await eventually(`${share} of the jobs are done`, async () => completions.size >= share * JOBS);
      const leader = await settledLeader(cluster);
      const { term } = await cluster.status(leader);
      await faultsOf(cluster).kill(leader);
      await leaderAmong(cluster, others(cluster, leader), term);
      await cluster.restart(leader);
    }
    const ids = await adds;
    await eventually('all jobs are completed', async () => (await queue.getJobCounts()).completed === JOBS);
    expect(new Set(ids).size).toBe(JOBS);
    // A completion whose reply was lost is repeated with the same sequence, and gets its first outcome.
    expect([...completions.values()].every((count) => count === 1)).toBe(true);
    for (const id of ids.slice(0, 20)) expect((await queue.getJob(id))?.returnvalue).toBe(Number(id) * 2);
    await converged(cluster);
  });
});
