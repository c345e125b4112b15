/** How many jobs all workers together get: at the same time, and within a time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, startCluster, Worker } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue<number>('letters', { connection: cluster });

// An API that allows two calls at once, and four within half a second.
await queue.setGlobalConcurrency(2);
await queue.setGlobalRateLimit(4, 500);

let atOnce = 0;
let atOnceMax = 0;
const startedMs: number[] = [];
const begunMs = performance.now();
async function send(): Promise<void> {
  startedMs.push(performance.now() - begunMs);
  atOnce += 1;
  atOnceMax = Math.max(atOnceMax, atOnce);
  await sleep(5);
  atOnce -= 1;
}
await queue.addBulk(Array.from({ length: 10 }, (_, data) => ({ name: 'letter', data })));
// In a real system they are in processes of their own, on several machines.
const workers = [1, 2, 3].map(() => new Worker('letters', send, { connection: cluster, concurrency: 5 }));
await new Promise<void>((resolve) => {
  for (const worker of workers) worker.on('completed', () => (startedMs.length === 10 && atOnce === 0 ? resolve() : undefined));
});
console.log(`${startedMs.length} letters were sent, never more than two at once: ${atOnceMax <= 2}`);
console.log(
  `the fifth had to wait for half a second, the ninth for a whole one: ${(startedMs[4] ?? 0) > 498 && (startedMs[8] ?? 0) > 998}`,
);

await queue.removeGlobalConcurrency();
await queue.removeGlobalRateLimit();
for (const worker of workers) await worker.close();
await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
