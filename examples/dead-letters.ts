/** A job that must not be tried again becomes a dead letter at once; `retry` makes it wait again, with all its attempts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, UnrecoverableError, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue<{ readonly card: string }>('payments', { connection: cluster });
const blocked = new Set(['4711']);

const worker = new Worker<{ readonly card: string }>(
  'payments',
  async ({ data }) => {
    if (blocked.has(data.card)) throw new UnrecoverableError(`card ${data.card} is blocked`);
    return 'paid';
  },
  { connection: cluster },
);
const failed = new Promise((resolve) => worker.once('failed', resolve));
const completed = new Promise((resolve) => worker.once('completed', resolve));

const { id } = await queue.add('invoice', { card: '4711' }, { attempts: 5 });
await failed;
const letter = await queue.getJob(id);
console.log(`job ${id} is ${letter?.state} after ${letter?.attemptsMade} of ${letter?.opts.attempts} attempts: ${letter?.failedReason}`);

blocked.clear();
await letter?.retry();
await completed;
console.log(`job ${id} is ${(await queue.getJob(id))?.state}`);

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
