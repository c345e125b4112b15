/**
 * A job of several steps. Its data say which step is next: an attempt after a failure, or of another worker, goes on there. Its progress is
 * for people to look at.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

interface Order {
  readonly item: string;
  readonly next: number;
}
const STEPS = ['reserve', 'charge', 'ship'];

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue<Order>('orders', { connection: cluster });
let isCardDeclined = true;

const worker = new Worker<Order>(
  'orders',
  async (job) => {
    for (let at = job.data.next; at < STEPS.length; at += 1) {
      const step = STEPS[at];
      console.log(`attempt ${job.attemptsMade + 1}: ${step} ${job.data.item}`);
      if (step === 'charge' && isCardDeclined) {
        isCardDeclined = false;
        throw new Error('the card is declined');
      }
      // Rejected once the lease is lost: then another worker goes on with the job.
      await job.updateData({ ...job.data, next: at + 1 });
      await job.updateProgress(Math.round((100 * (at + 1)) / STEPS.length));
    }
  },
  { connection: cluster },
);
worker.on('progress', (_job, progress) => console.log(`${progress} %`));
const completed = new Promise((resolve) => worker.once('completed', resolve));
const { id } = await queue.add('order', { item: 'a bicycle', next: 0 }, { attempts: 2 });
await completed;
const job = await queue.getJob(id);
console.log(`${job?.state}, ${job?.progress} %`);

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
