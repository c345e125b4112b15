/** A processor that fails twice. The third attempt succeeds; the pauses between attempts double. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue('payments', { connection: cluster });

const worker = new Worker(
  'payments',
  async (job) => {
    const attempt = job.attemptsMade + 1;
    console.log(`attempt ${attempt} begins`);
    if (attempt < 3) throw new Error(`the bank does not reply (attempt ${attempt})`);
    return 'paid';
  },
  { connection: cluster },
);
worker.on('failed', (job, error) => console.log(`failed: ${error.message}; ${job.attemptsMade} of ${job.opts.attempts} attempts made`));

const completed = new Promise((resolve) => {
  worker.once('completed', (_job, value) => resolve(value));
});
const startMs = performance.now();
await queue.add('invoice', { amount: 12 }, { attempts: 5, backoff: { type: 'exponential', delay: 100 } });
const result = await completed;

// 100 ms after the first attempt, 200 ms after the second.
console.log(`completed with '${result}', after at least 300 ms of backoff: ${performance.now() - startMs >= 300}`);

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
