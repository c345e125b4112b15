/** One job of several causes: duplicates are not added, a burst becomes one job, and the last change while a job runs brings one more. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue<{ change: number }>('search-index', { connection: cluster });

// Until the job ends, others with its id are duplicates.
const first = await queue.add('import', { change: 0 }, { deduplication: { id: 'import' } });
const again = await queue.add('import', { change: 0 }, { deduplication: { id: 'import' } });
console.log(`a duplicate has the id of the job that is there: ${again.isDeduplicated && again.id === first.id}`);
await queue.drain();

// Debounced: each change replaces the job that waits for its delay.
const debounce = { id: 'debounce', ttl: 300, extend: true, replace: true };
for (let change = 1; change <= 10; change += 1) await queue.add('update', { change }, { delay: 300, deduplication: debounce });

// The last change while the job runs is not lost.
const keepLast = { id: 'keep-last', keepLastIfActive: true };
const seen: string[] = [];
const done = Promise.withResolvers<void>();
const worker = new Worker<{ change: number }>(
  'search-index',
  async ({ name, data }) => {
    seen.push(`${name} ${data.change}`);
    if (name === 'rebuild' && data.change === 0)
      for (const change of [1, 2, 3]) await queue.add('rebuild', { change }, { deduplication: keepLast });
    if (name === 'update') await queue.add('rebuild', { change: 0 }, { deduplication: keepLast });
    if (name === 'rebuild' && data.change > 0) done.resolve();
  },
  { connection: cluster },
);
await done.promise;
console.log(seen.join(' | '));

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
