/** Jobs at regular times, and by a cron pattern: the cluster adds them, also while no client is connected. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue<{ kind: string }>('reports', { connection: cluster });

// A program sets its schedulers whenever it starts: with the same times, they keep their next time.
await queue.upsertJobScheduler('short', { every: 200, limit: 3 }, { name: 'report', data: { kind: 'short' } });
await queue.upsertJobScheduler('daily', { pattern: '0 9 * * *', tz: 'Europe/Berlin' }, { name: 'report', data: { kind: 'long' } });

const done = Promise.withResolvers<void>();
let count = 0;
const worker = new Worker<{ kind: string }>(
  'reports',
  (job) => {
    count += 1;
    console.log(`${count}: a ${job.data.kind} report for the scheduler "${job.repeatJobKey}"`);
    if (count === 3) done.resolve();
  },
  { connection: cluster },
);
await done.promise;

// The first one has added its last job, and is gone. The other one waits for 9 o'clock in Berlin.
const schedulers = await queue.getJobSchedulers();
console.log('schedulers:', schedulers.map(({ key, pattern, tz }) => `${key} (${pattern}, ${tz})`).join(', '));
console.log('the next report is in the future:', (schedulers[0]?.next ?? 0) > Date.now());
console.log('removed:', await queue.removeJobScheduler('daily'));

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
