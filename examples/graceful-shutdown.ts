/** On SIGTERM: claim no more, await the jobs that run, give back the others, then close the files. Nothing that was added is lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue('images', { connection: cluster });
const signal = Promise.withResolvers<void>();
let begun = 0;

const worker = new Worker(
  'images',
  async ({ name }) => {
    console.log(`${name} begins`);
    begun += 1;
    // As an operator or a container's runtime does.
    if (begun === 2) process.kill(process.pid, 'SIGTERM');
    // A long job: the signal arrives while it runs.
    await signal.promise;
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log(`${name} ends`);
  },
  { connection: cluster, concurrency: 2 },
);

async function shutDown(): Promise<void> {
  console.log('SIGTERM: closing the worker');
  signal.resolve();
  await worker.close();
  const { completed, waiting, active } = await queue.getJobCounts();
  console.log(`${completed} completed, ${waiting} waiting for the next start, ${active} active`);
  await queue.close();
  await cluster.close();
  rmSync(dataDir, { recursive: true });
}
process.once('SIGTERM', () => void shutDown());

await queue.addBulk(['a', 'b', 'c', 'd', 'e'].map((letter) => ({ name: `image ${letter}`, data: {} })));
