/** A processor in a file of its own: each job runs in a thread, so that long computations do not block this event loop. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue<{ readonly below: number }, number>('primes', { connection: cluster });

const processor = new URL('./processors/count-primes.ts', import.meta.url);
const worker = new Worker<{ readonly below: number }, number>('primes', processor, { connection: cluster, concurrency: 2, threads: 2 });
let ticks = 0;
const timer = setInterval(() => {
  ticks += 1;
}, 1);

await queue.addBulk([1_000, 2_000_000, 3_000_000].map((below) => ({ name: 'count', data: { below } })));
const counts = new Map<number, number>();
await new Promise<void>((resolve) => {
  worker.on('completed', ({ data }, count) => {
    counts.set(data.below, count);
    if (counts.size === 3) resolve();
  });
});
clearInterval(timer);
for (const below of [1_000, 2_000_000, 3_000_000]) console.log(`${counts.get(below)} primes below ${below}`);
console.log(`this event loop was free meanwhile: ${ticks > 5}`);

await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
