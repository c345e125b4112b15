import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Job, Queue, restoreBackup, startCluster, Worker } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { aFolder, eventually, settledLeader } from './support.ts';

/** Several checkpoints; a node that was stopped for a while needs a snapshot. */
const LIMITS = { checkpointEntries: 10, tailEntries: 5, tailBytes: 1_000, followerTailBytes: 1_000 };
const JOBS = 5;

describe('the logs of jobs', { timeout: 120_000 }, () => {
  it('have each row once: under another leader, which got a snapshot, after a restart of the cluster, and in a backup', async () => {
    using folder = aFolder();
    const logs = { dir: join(folder.path, 'logs'), level: 'debug' as const };
    const options = { nodes: 3, dataDir: join(folder.path, 'data'), limits: LIMITS, logs };
    const file = join(folder.path, 'jobs.backup');
    const jobs: Job[] = [];
    const rowsOf = (job: number, count: number): string[] => Array.from({ length: count }, (_, row) => `job ${job}: row ${row}`);
    const log = async (from: number, to: number): Promise<void> => {
      for (let row = from; row < to; row += 1) for (const [at, job] of jobs.entries()) await job.log(`job ${at}: row ${row}`);
    };
    const shownIn = (queue: Queue) => Promise.all(jobs.map(async ({ id }) => (await queue.getJobLogs(id)).logs));
    {
      await using cluster = await startCluster(options);
      await using queue = new Queue('work', { connection: cluster });
      for (let at = 0; at < JOBS; at += 1) jobs.push(await queue.add('n', at, at === 0 ? { keepLogs: 7 } : {}));
      await log(0, 12);
      const leader = await settledLeader(cluster);
      const follower = cluster.nodeIds().find((node) => node !== leader) ?? 0;
      await cluster.stop(follower);
      await log(12, 30);
      await cluster.restart(follower);
      await eventually('the follower has installed a snapshot', async () =>
        readFileSync(join(logs.dir, `node-${follower}.log`), 'utf8').includes('"event":"snapshot-installed"'),
      );
      await cluster.transferLeadership(follower);
      await log(30, 40);
      await cluster.backup(file);
    }
    const expected = jobs.map((_, at) => (at === 0 ? rowsOf(at, 40).slice(-7) : rowsOf(at, 40)));
    {
      await using cluster = await startCluster(options);
      await using queue = new Queue('work', { connection: cluster });
      expect(await shownIn(queue)).toEqual(expected);
      let done = 0;
      await using worker = new Worker('work', async (job) => void (await job.log('done')), { connection: cluster });
      worker.on('completed', () => {
        done += 1;
      });
      await eventually('all are done', async () => done === JOBS);
      expect(await shownIn(queue)).toEqual(expected.map((rows, at) => [...(at === 0 ? rows.slice(1) : rows), 'done']));
      await queue.clean(0, 0);
      expect(await shownIn(queue)).toEqual(jobs.map(() => []));
    }
    await restoreBackup({ file, dataDir: join(folder.path, 'restored'), nodes: 3 });
    await using restored = await startCluster({ nodes: 3, dataDir: join(folder.path, 'restored') });
    await using queue = new Queue('work', { connection: restored });
    expect(await shownIn(queue)).toEqual(expected);
  });
});
