/** The order of jobs: priority first, then the order of adds; delayed jobs wait for their time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Job, Queue, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue('reports', { connection: cluster });

await queue.addBulk([
  { name: 'later', data: {}, opts: { delay: 500, priority: 100 } },
  { name: 'ordinary', data: {}, opts: { priority: 10 } },
  { name: 'urgent', data: {}, opts: { priority: 1 } },
  { name: 'ordinary, added after it', data: {}, opts: { priority: 10 } },
]);
const order: string[] = [];
const worker = new Worker('reports', async ({ name }) => order.push(name), { connection: cluster });
const later = await new Promise<Job>((resolve) => {
  worker.on('completed', (job) => (job.name === 'later' ? resolve(job) : undefined));
});
console.log(order.join(' | '));
console.log(`the last one began at least 500 ms after it was added: ${(later.processedOn ?? 0) - later.timestamp >= 500}`);

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
