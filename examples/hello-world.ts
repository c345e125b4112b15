/** One job, from `add` to its result. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

interface Mail {
  readonly to: string;
}

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });

const queue = new Queue<Mail, string>('mails', { connection: cluster });
const job = await queue.add('welcome', { to: 'ada@example.com' });
console.log(`job ${job.id} is on disk on a majority of nodes`);

const worker = new Worker<Mail, string>('mails', async ({ name, data }) => `sent ${name} to ${data.to}`, { connection: cluster });
await new Promise<void>((resolve) => {
  worker.once('completed', ({ id }, result) => {
    console.log(`job ${id} is completed: ${result}`);
    resolve();
  });
});

const found = await queue.getJob(job.id);
console.log(`the cluster stores its result: ${found?.returnvalue}`);

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
