import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, type Job, Queue, restoreBackup, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { aFolder, eventually, settledLeader } from './support.ts';

/** Several checkpoints; a node that was stopped for a while needs a snapshot. */
const LIMITS = { checkpointEntries: 10, tailEntries: 5, tailBytes: 1_000, followerTailBytes: 1_000 };
const JOBS = 12;
const HOUR_MS = 3_600_000;

/** Of the job at this place: some are small and share a record, some stay in their log entry. */
const dataOf = (at: number, round: number): string => `${at}/${round}/${'.'.repeat(at % 3 === 0 ? 20_000 : 10)}`;

/** Each call is an entry of its own, so that there are checkpoints between them. */
async function change(queue: Queue<string>, jobs: readonly Job<string>[], round: number): Promise<void> {
  for (const [at, { id }] of jobs.entries()) {
    const job = await queue.getJob(id);
    if ((at + round) % 2 === 0) await job?.updateData(dataOf(at + round, round));
    await job?.updateProgress({ round, at });
    if (at % 4 === 0) await job?.changePriority({ priority: 100 - round - at });
    if (at % 4 === 1) await job?.changeDelay(2 * HOUR_MS);
  }
}

const shownOf = async (queue: Queue<string>, jobs: readonly Job<string>[]): Promise<unknown[]> => {
  const found = await Promise.all(jobs.map(({ id }) => queue.getJob(id)));
  return found.map((job) => [job?.id, job?.data, job?.progress, job?.priority, job?.state]);
};

async function stopForASnapshot(cluster: Cluster, folder: string, meanwhile: () => Promise<void>): Promise<void> {
  const leader = await settledLeader(cluster);
  const follower = cluster.nodeIds().find((node) => node !== leader) ?? 0;
  await cluster.stop(follower);
  await meanwhile();
  await cluster.restart(follower);
  await eventually('the follower has installed a snapshot', async () =>
    readFileSync(join(folder, 'logs', `node-${follower}.log`), 'utf8').includes('"event":"snapshot-installed"'),
  );
  await cluster.transferLeadership(follower);
}

describe('jobs that are changed', { timeout: 120_000 }, () => {
  it('are what was set last: under another leader, which got a snapshot, after a restart of the cluster, and in a backup', async () => {
    using folder = aFolder();
    const options = {
      nodes: 3,
      dataDir: join(folder.path, 'data'),
      limits: LIMITS,
      logs: { dir: join(folder.path, 'logs'), level: 'debug' as const },
    };
    const file = join(folder.path, 'jobs.backup');
    const jobs: Job<string>[] = [];
    let before: unknown[] = [];
    {
      await using cluster = await startCluster(options);
      await using queue = new Queue<string>('work', { connection: cluster });
      jobs.push(
        ...(await queue.addBulk(
          Array.from({ length: JOBS }, (_, at) => ({ name: 'n', data: dataOf(at, 0), opts: at % 2 === 0 ? {} : { delay: HOUR_MS } })),
        )),
      );
      await change(queue, jobs, 1);
      await stopForASnapshot(cluster, folder.path, () => change(queue, jobs, 2));
      await change(queue, jobs, 3);
      before = await shownOf(queue, jobs);
      expect(before).toContainEqual([jobs[1]?.id, dataOf(4, 3), { round: 3, at: 1 }, 0, 'delayed']);
      await cluster.backup(file);
    }
    {
      await using cluster = await startCluster(options);
      await using queue = new Queue<string>('work', { connection: cluster });
      expect(await shownOf(queue, jobs)).toEqual(before);
      await queue.promoteJobs();
      const done: unknown[] = [];
      await using worker = new Worker<string>(
        'work',
        async (job) => {
          await job.updateData(`${job.data}!`);
          await job.updateProgress('over');
        },
        { connection: cluster, concurrency: 4 },
      );
      worker.on('completed', ({ id }) => done.push(id));
      await eventually('all are done', async () => done.length === JOBS);
      const [, data] = before[0] as [string, string];
      expect(await queue.getJob(jobs[0]?.id ?? '')).toMatchObject({ state: 'completed', data: `${data}!`, progress: 'over' });
      expect(await queue.clean(0, 0)).toHaveLength(JOBS);
    }
    await restoreBackup({ file, dataDir: join(folder.path, 'restored'), nodes: 3 });
    await using restored = await startCluster({ nodes: 3, dataDir: join(folder.path, 'restored') });
    await using queue = new Queue<string>('work', { connection: restored });
    expect(await shownOf(queue, jobs)).toEqual(before);
  });
});
